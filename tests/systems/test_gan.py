"""Labels in the noise-to-image game: which critic meets which images, and what samples are of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import Trainer
from omegaconf import DictConfig
from torch import Tensor, nn

from ganforge.configuration.build import build
from ganforge.interfaces import Batch, Inputs, Penalty, Terms, Verdict
from ganforge.losses.adversarial import Wasserstein
from ganforge.losses.game import Game
from ganforge.regularizers.gradient_penalties import R1, R2, Dragan, GradientPenalty
from ganforge.sampling.latent import Latent
from ganforge.systems.gan import GANModule
from ganforge.systems.training import Training

from ..conftest import TINY

SLOPES = torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]])
"""The gradients of `LinearCritic`, of norms 5, 1 and 0."""
LABELS = torch.tensor([0, 1, 2, 2])


class LabelPainter(nn.Module):
    """Images (B, 2, 1, 1) whose every value is the label."""

    num_classes = 3

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        assert label is not None
        return self.scale * label[:, None, None, None].expand(-1, 2, 1, 1)


class LinearCritic(nn.Module):
    """<SLOPES[label], image>."""

    def __init__(self) -> None:
        super().__init__()
        self.slopes = nn.Parameter(SLOPES)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        return Verdict((self.slopes[label] * image.flatten(1)).sum(1), image)


def painter(**penalties: Penalty) -> GANModule:
    system = GANModule(
        latent=Latent(1),
        generator=LabelPainter(),
        discriminator=LinearCritic(),
        game=Game(Wasserstein(), penalties=penalties),
        optimizers={},
        seed=0,
    )
    system.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    return system


def test_fakes_are_of_the_batchs_classes_and_the_critic_is_told_so() -> None:
    """By hand: the critic gives the fake of class 1 the logit 1, all other fakes 0, and the real ones 7, 1, 0, 0."""
    batch = Batch(torch.ones(4, 2, 1, 1), LABELS)
    system = painter()
    terms = system.discriminator_terms(batch, system.draw(batch))
    assert terms["adversarial"].item() == (0 + 1 + 0 + 0) / 4 - (7 + 1 + 0 + 0) / 4
    assert system.generator_terms(batch, system.draw(batch))["adversarial"].item() == -1 / 4


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (GradientPenalty(weight=10), 10 * (16 + 0 + 1 + 1) / 4),
        (Dragan(weight=10), 10 * (16 + 0 + 1 + 1) / 4),
        (R1(weight=2), (25 + 1 + 0 + 0) / 4),
        (R2(weight=2), (25 + 1 + 0 + 0) / 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_penalties_measure_each_classs_own_gradient(penalty: Penalty, expected: float) -> None:
    system = painter(penalty=penalty)
    # A linear critic's gradient is its slope everywhere, so that the penalty depends on the labels alone.
    batch = Batch(torch.randn(4, 2, 1, 1), LABELS)
    terms = system.discriminator_terms(batch, system.draw(batch))
    assert terms["penalty"].item() == pytest.approx(expected)


def test_a_lazy_penalty_acts_at_every_kth_turn_however_large_a_turn_is() -> None:
    system = painter(penalty=R1(weight=2, interval=2))
    system.settings = Training(accumulate_grad_batches=2)
    batch, acted = Batch(torch.ones(4, 2, 1, 1), LABELS), []
    for turn in range(5):
        system.progress.images_seen = 8 * turn
        acted.append("penalty" in system.discriminator_terms(batch, system.draw(batch)))
    assert acted == [True, False, True, False, True]


class Counted(nn.Module):
    """Doubles images, and notes which it was given, and what its player made of the real ones."""

    needs = frozenset({"images"})
    reads_signs = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []
        self.told: list[list[float]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.detach().mean().item())
        return 2 * images

    def adapt(self, real_logits: Tensor) -> Terms:
        self.told.append(real_logits.tolist())
        return {"told": torch.tensor(float(len(self.told)))}


def test_everything_that_the_discriminator_sees_is_augmented() -> None:
    """Real, fake, and under a penalty in its turn; fake in the generator's. The critic's slopes are twice as steep."""
    system = painter(penalty=R1(weight=2))
    augment = system.augment = Counted()
    system.measuring = True
    batch = Batch(torch.full((4, 2, 1, 1), 5.0), LABELS)
    drawn = system.draw(batch)
    terms = system.discriminator_terms(batch, drawn)
    fake = drawn.images.mean().item()
    assert augment.seen == [5, fake, 5]
    assert augment.told == [[70, 10, 0, 0]]
    assert terms["penalty"].item() == 4 * (25 + 1) / 4
    system.generator_terms(batch, drawn)
    assert augment.seen[3:] == [fake]
    assert system.progress.latest["augment/told"] == 1


class Shy(nn.Module):
    """Logits, features and classes of any image; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.calls = 0

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        assert label is not None
        self.calls += 1
        said = self.layer(image.flatten(1)) * label[:, None]
        return Verdict(said[:, 0], image.flatten(1), said[:, 1:])


def test_judged_together_or_apart_is_the_same_where_images_are_not_mixed() -> None:
    """Every part of both verdicts, and each image beside its own label; in one pass, and in two."""
    system = painter()
    system.discriminator = Shy()
    batch = Batch(torch.randn(4, 2, 1, 1), LABELS)
    apart = system.turn_about(batch, system.draw(batch))
    together = system.as_one_batch(apart)
    for one, other in ((together.real(), apart.real()), (together.fake(), apart.fake())):
        assert one.codes is None and other.codes is None
        for mine, theirs in zip(one[:3], other[:3], strict=True):
            assert torch.allclose(mine, theirs)
    assert system.discriminator.calls == 3
    assert not torch.allclose(apart.real().logits, apart.fake().logits)


def test_batch_norm_would_mix_real_images_with_fakes(composed: Callable[..., DictConfig]) -> None:
    words = [*TINY["dcgan"], "metrics=none", "logger=none", "loss=hinge", "system.judging=together"]
    with pytest.raises(ValueError, match="judging=together: the discriminator's batch norm would mix"):
        build(composed(*words))
    build(composed(*words, "normalization.discriminator=layer"))


def test_without_augmentation_nothing_is_kept() -> None:
    assert not [name for name in painter().state_dict() if "augment" in name]


def test_samples_cycle_through_the_classes_unless_told_otherwise() -> None:
    system = painter()
    for weights in ("ema", "live"):
        sampler = system.sampler(weights)
        assert sampler.images(Inputs(torch.zeros(7, 1)))[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]
        assert sampler.images(Inputs(torch.zeros(4, 1), LABELS))[:, 0, 0, 0].tolist() == LABELS.tolist()


def test_a_conditional_generator_learns_which_class_is_which(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    """Three classes of gray, in an order that counting does not give away."""
    grays = np.array([128, 230, 26])
    labels = np.arange(300) % 3
    images = grays[labels][:, None, None] + np.random.default_rng(0).integers(-20, 21, (300, 4, 4))
    np.savez(tmp_path / "grays.npz", images=images.astype(np.uint8), labels=labels)
    run = build(
        composed(
            "model=mlp", "model.generator.hidden=[32]", "model.discriminator.hidden=[32]", "condition=projection",
            "data=arrays", f"data.path={tmp_path}/grays.npz", "data.batch_size=30",
            "loss=r1", "loss.penalties.r1.interval=1", "metrics=none", "logger=none", "images=15_000",
        )
    )  # fmt: skip
    run.fit()
    drawn = run.system.sampler().images(Inputs(run.system.latent.sample(300))).mean((1, 2, 3)).view(-1, 3)
    target = torch.from_numpy(grays) / 127.5 - 1
    assert (drawn - target).abs().max() < 0.3
