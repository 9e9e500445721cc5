"""Which conditions go with what, and what is said where they do not."""

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from ganforge.compat.torch import BatchNorm
from ganforge.configuration.build import build

from ..conftest import TINY


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["system=one_stage", "loss=r1", "condition=auxiliary"],
            "condition=auxiliary and .* OneStageGAN is none",
        ),
        (
            ["system=one_stage", "loss=r1", "condition=codes"],
            "condition=codes are for .* OneStageGAN is none",
        ),
        ([*TINY["vae"], "condition=codes"], "condition=codes are for GANs .* and VAE is none: leave them out"),
        ([*TINY["cyclegan"], "condition=auxiliary"], "condition=auxiliary and .* and CycleGAN is none: leave them out"),
        (["data=mixture2d", "condition=auxiliary"], "the condition needs class labels, and mixture2d has none"),
        (["+model.latent.codes={continuous: 2}"], "model.latent.codes are read by the head of condition=codes"),
        (
            ["condition=projection", "+model.latent.codes={continuous: 2}"],
            "codes are read by the head of condition=codes",
        ),
        (["condition=codes", "model.latent.dim=12"], "model.latent.dim=12 leaves no noise beside codes of 12 numbers"),
        (["condition=codes", "model.latent.codes.continuous=two"], "model.latent.codes=.* should be"),
        (["condition=codes", "+model.latent.codes.values=2"], "unexpected keyword argument 'values'"),
    ],
)
def test_a_condition_that_has_no_place_is_refused(
    composed: Callable[..., DictConfig], words: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(composed(*([] if words[0].startswith("model=") else TINY["mlp"]), "metrics=none", "logger=none", *words))


@pytest.mark.parametrize("condition", ["auxiliary", "codes"])
@pytest.mark.parametrize("words", [["loss=r1"], ["loss=wgan_gp"], ["loss=hinge", "penalty=r1"]])
def test_the_heads_of_conditions_go_with_penalties_on_each_image(
    composed: Callable[..., DictConfig], words: list[str], condition: str
) -> None:
    system = build(composed(*TINY["infogan"], *words, f"condition={condition}", "metrics=none", "logger=none")).system
    assert not any(isinstance(layer, BatchNorm) for layer in system.discriminator.modules())
