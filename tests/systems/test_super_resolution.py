"""Larger images from small ones: what is minimised, what begins with what, what is scored, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer
from omegaconf import DictConfig
from torch import nn
from torch.nn.functional import softplus

from ganforge.configuration.build import build
from ganforge.data.bicubic import bicubic
from ganforge.interfaces import Batch, Verdict
from ganforge.launch.transfer import begin_with
from ganforge.losses.adversarial import RelativisticAverage
from ganforge.losses.content import Content, Pixels
from ganforge.losses.game import Game
from ganforge.metrics.enlargement import likeness
from ganforge.systems.super_resolution import SuperResolution

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = [
    "data.batch_size=8", "images=48", "evaluate_every=24", "metrics.images=40", "metrics.extractor.epochs=1",
    "logger=none", "callbacks.samples.count=8", "view.scale=2",
]  # fmt: skip


class Twice(nn.Upsample):
    def __init__(self) -> None:
        super().__init__(scale_factor=2)
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, source: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
        return self.weight * super().forward(source)


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))

    def forward(self, images: torch.Tensor, label: torch.Tensor | None = None) -> Verdict:
        return Verdict(self.weight * images.flatten(1).mean(1), images)


def test_the_generator_minimises_content_and_a_share_of_the_game() -> None:
    """By hand, with equation 2 of Wang et al. 2018 as their code has it."""
    batch = Batch(torch.rand(4, 1, 6, 6), sources=torch.rand(4, 1, 3, 3))
    content = Content({"pixels": Pixels(0.5, "squared")})
    system = SuperResolution(
        content, 0.1, generator=Twice(), discriminator=Mean(), game=Game(RelativisticAverage()), optimizers={}, seed=0
    )
    system.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    fakes = batch.sources.repeat_interleave(2, -1).repeat_interleave(2, -2)
    terms = system.generator_terms(batch, system.draw(batch))
    real, fake = (3 * images.flatten(1).mean(1) for images in (batch.images, fakes))
    game = 0.5 * (softplus(real.mean() - fake).mean() + softplus(real - fake.mean()).mean())
    assert terms["pixels"].item() == pytest.approx(0.5 * (fakes - batch.images).square().mean().item())
    assert terms["adversarial"].item() == pytest.approx(0.1 * game.item(), rel=1e-5)
    rows = system.pictures(batch)["samples"]
    assert rows.shape == (3, 4, 1, 6, 6) and torch.equal(rows[0], fakes)
    with pytest.raises(ValueError, match=r"system\.adversarial=0 must be positive"):
        SuperResolution(
            content, 0, generator=Twice(), discriminator=Mean(), game=Game(RelativisticAverage()), optimizers={}, seed=0
        )


def test_a_gan_begins_with_the_generator_of_its_regression(composed: Compose, tmp_path: Path) -> None:
    """SRResNet, then SRGAN: both are scored beside bicubic, and the stamp says what they were compared by."""
    first = build(composed(*TINY["srresnet"], *QUICK, "metrics.monitor=psnr_y_cropped", "metrics.mode=max"))
    first.fit()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    held_out = first.data.held_out_split.at(slice(40))
    by_hand = likeness(bicubic(held_out.sources, (32, 32)), held_out.images, 2).double().mean(0).tolist()
    scores = lines[-1]["copied"]["scores"]
    names = ("psnr_rgb_cropped", "psnr_y_cropped", "ssim_rgb_cropped", "ssim_y_cropped")
    assert [scores[name] for name in names] == pytest.approx(by_hand)
    assert lines[-1]["scores"].keys() == scores.keys() and "psnr" not in scores
    assert lines[-1]["stamp"]["border"] == 2
    assert lines[-1]["stamp"]["content"] == {"pixels": {"weight": 1.0, "distance": "absolute"}}
    source = tmp_path / "srresnet"
    (tmp_path / "run").rename(source)

    words = [*TINY["srgan"], *QUICK, "content=[pixels,classifier]", "content.classifier.extractor.epochs=1"]
    second = build(composed(*words, f"init_from={source}"))
    assert begin_with(source, second.system).endswith("at 48 images, but for discriminator")
    for name, weight in second.system.generator.state_dict().items():
        assert torch.equal(weight, first.system.generator.state_dict()[name])
    second.fit()
    stamp = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])["stamp"]
    assert stamp["content"]["classifier"]["extractor"] == stamp["extractor"]
    assert stamp["content"]["classifier"]["layer"] == 2
    with pytest.raises(ValueError, match="the weights there do not fit this generator"):
        begin_with(source, build(composed(*TINY["esrgan"], *QUICK)).system)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=srgan", "view=none"], "needs smaller sources, and digits has none. Use view=downscaled"),
        (["model=srgan", "view=edges"], "needs smaller sources, and digits has none. Use view=downscaled"),
        (["model=pix2pix", "view=downscaled"], "view=downscaled makes smaller sources, for model=srresnet"),
        (["model=srgan", "view.scale=3", "data.image_size=33"], "scale=3 should be 2, 4 or 8"),
        (["model=srgan", "view.scale=5"], "view.scale=5 does not divide images of 32x32"),
        (["model=srgan", "model.generator.scale=2"], "the generator enlarges 2 times, and view.scale=4"),
        (["model=srgan", "content=[]"], "there is no content loss: choose content="),
        (["model=dcgan", "content=[pixels]"], "content= is for super-resolution, and GANModule is none"),
        (["model=srgan", "content=[vgg19]"], "extractor.weights=None of content=vgg19 or vgg54 names no file"),
        (["model=srresnet", "content=[classifier]", "data=photographs", "metrics=self_supervised"],
         "content=classifier needs class labels, and photographs has none. Use content=.pixels. or content="),
        (["model=srresnet", "loss=hinge"], "loss= makes another game: the system Regression goes with"),
        (["model=srgan", "loss=content"], "loss= makes another game: the system SuperResolution goes with"),
        (["model=srgan", "augment=ada"], "augment= is for discriminators of images from noise"),
        (["model=srgan", "condition=projection"], "takes no labels"),
        (["model=srgan", "model.generator.width=0"], "width=0 and blocks=16 should be at least 1 and 0"),
        (["model=srgan", "data.image_size=44"], "this model cannot make 44x44 images"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(composed: Compose, words: list[str], message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        build(composed(*words, "logger=none"))
    assert len(str(caught.value).splitlines()) <= 3


def test_a_translator_of_the_run_enlarges_pictures(composed: Compose, tmp_path: Path) -> None:
    from ganforge.pretrained import from_pretrained

    build(composed(*TINY["rrdb"], *QUICK, "metrics=none", "images=8")).fit()
    translator: Any = from_pretrained(tmp_path / "run")
    assert (translator.scale, translator.image_shape, translator.source_shape) == (2, (1, 32, 32), (1, 16, 16))
    assert translator.translate(torch.zeros(2, 1, 5, 9)).shape == (2, 1, 10, 18)
