"""Systems that learn what is normal: what each player minimises, and what they leave."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch.nn.functional import softplus

from ganforge.artifacts.records import read_lines
from ganforge.configuration.build import build
from ganforge.detection.detectors import LatentDistance
from ganforge.interfaces import Batch
from ganforge.launch.transfer import begin_with, refuse_untrained_networks
from ganforge.networks.ganomaly import Generator
from ganforge.pretrained import PretrainedDetector, from_pretrained

from ..conftest import TINY
from ..networks.test_published import fill, sines

Compose = Callable[..., DictConfig]
QUICK = ["logger=none", "data.image_size=16", "data.batch_size=8", "data.normal=0", "evaluate_every=40"]
R1 = ["loss.penalties.r1.weight=2.0", "loss.penalties.r1.interval=1"]
BATCH = Batch(torch.rand(6, 1, 16, 16) * 2 - 1)


def built(composed: Compose, model: str, *words: str) -> Any:
    experiment = build(composed(*TINY[model], *QUICK, *words))
    experiment.system.trainer = experiment.trainer
    return experiment.system


def test_players_of_pairs_minimise_the_same_loss_with_pairs_exchanged(composed: Compose) -> None:
    system = built(composed, "bigan", "model.discriminator.dropout=0").eval()
    system.noise = lambda batch: torch.linspace(-1, 1, 4).expand(len(batch.images), -1)
    drawn, z = system.draw(BATCH), system.noise(BATCH)
    on_real = system.discriminator(BATCH.images, system.generator["encoder"](BATCH.images)).logits
    on_fake = system.discriminator(system.generator["generator"](z), z).logits
    of_discriminator = system.discriminator_terms(BATCH, drawn)["adversarial"]
    of_generator = system.generator_terms(BATCH, drawn)["adversarial"]
    assert of_discriminator.item() == pytest.approx((softplus(-on_real) + softplus(on_fake)).mean().item(), rel=1e-5)
    assert of_generator.item() == pytest.approx((softplus(on_real) + softplus(-on_fake)).mean().item(), rel=1e-5)


def test_a_penalty_differentiates_by_image_and_latent(composed: Compose) -> None:
    system = built(composed, "bigan", "model.discriminator.dropout=0", "loss=r1", *R1)
    latents = system.generator.eval()["encoder"](BATCH.images).detach().requires_grad_()
    images = BATCH.images.clone().requires_grad_()
    gradients = torch.autograd.grad(system.discriminator(images, latents).logits.sum(), [images, latents])
    expected = sum(gradient.square().flatten(1).sum(1).mean() for gradient in gradients)
    assert system.discriminator_terms(BATCH, system.draw(BATCH))["r1"].item() == pytest.approx(
        expected.item(), rel=1e-4
    )


def test_terms_of_ganomaly_are_those_of_equations_1_to_3(composed: Compose) -> None:
    system = built(composed, "ganomaly").eval()
    made, latents, again = system.generator.reencoded(BATCH.images)
    terms = system.generator_terms(BATCH, system.draw(BATCH))
    features = [system.discriminator(images).features for images in (BATCH.images, made)]
    expected = {
        "features": (features[0] - features[1]).square().mean(),
        "pixels": 50 * (BATCH.images - made).abs().mean(),
        "latents": (latents - again).square().mean(),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in expected.items()}, rel=1e-5
    )
    with pytest.raises(ValueError, match=r"system\.pixels must not be negative"):
        built(composed, "ganomaly", "system.pixels=-1")


def test_as_many_weights_as_the_authors_generator(composed: Compose) -> None:
    """And one more, the bias of the last layer."""
    system = build(composed("model=ganomaly", "data.normal=0", "logger=none")).system
    assert sum(weight.numel() for weight in system.generator.parameters()) == 3_200_384 + 1


@pytest.fixture
def gan(composed: Compose, tmp_path: Path) -> Path:
    """A run of a GAN with checkpoints."""
    words = ["model=dcgan", "model.generator.width=2", "loss=wgan_gp", "metrics=none", "save_every=40"]
    config = composed(*words, *QUICK, "images=80", "system.average_half_life=100")
    config.paths.run = str(tmp_path / "gan")
    build(config).fit()
    return tmp_path / "gan"


def test_an_encoder_learns_for_the_averaged_generator_of_another_run(composed: Compose, gan: Path) -> None:
    experiment = build(composed(*TINY["f_anogan"], *QUICK, "images=80"))
    system: Any = experiment.system
    with pytest.raises(ValueError, match="FAnoGAN learns for a generator that is trained: add init_from="):
        refuse_untrained_networks(system)
    assert begin_with(gan, system).endswith("images")
    expected = from_pretrained(gan).network.state_dict()
    experiment.fit()
    assert all(torch.equal(value, expected[name]) for name, value in system.generator.state_dict().items())
    terms = system.terms(BATCH)
    scores = system.detector_factory(system.encoder, system.generator, system.discriminator)(BATCH.images).scores
    assert sum(terms.values()).item() == pytest.approx(scores.mean().item(), rel=1e-5)


def test_networks_of_another_width_are_refused(composed: Compose, gan: Path) -> None:
    with pytest.raises(ValueError, match="the weights there do not fit this generator"):
        begin_with(gan, built(composed, "f_anogan", "model.generator.width=4"))


@pytest.mark.parametrize("model", ["bigan", "ganomaly", "f_anogan"])
def test_what_is_left_compares_as_the_system_does(composed: Compose, tmp_path: Path, model: str) -> None:
    experiment = build(composed(*TINY[model], *QUICK, "images=80"))
    experiment.fit()
    stored = from_pretrained(tmp_path / "run" / "detector.safetensors")
    assert isinstance(stored, PretrainedDetector)
    scores, made = stored.detect(BATCH.images)
    expected = experiment.system.detector()(BATCH.images)
    assert torch.allclose(scores, expected.scores, rtol=1e-4)
    assert torch.allclose(made, expected.reconstructions, atol=1e-5)
    with pytest.raises(ValueError, match="compares"):
        stored.detect(BATCH.images[:, :, 1:])
    first, last = read_lines(tmp_path / "run" / "metrics.jsonl")
    assert (first["images_seen"], last["images_seen"], last["by"]) == (40, 80, "detection")
    assert last["stamp"]["protocol"] == "trained on class 0 alone, tested on all"
    assert last["stamp"]["normal_images"] + last["stamp"]["abnormal_images"] == 899
    assert 0 <= last["scores"]["auroc"] <= 1
    samples = {path.name for path in (tmp_path / "run" / "samples").iterdir()}
    assert {"000000080_reconstructions.png", "000000080_anomalies.png"} <= samples


def test_detection_leaves_the_training_as_it_was(composed: Compose) -> None:
    def weights(*words: str) -> torch.Tensor:
        experiment = build(composed(*TINY["bigan"], *QUICK, "images=80", *words))
        experiment.fit()
        return torch.cat([value.flatten() for value in experiment.system.state_dict().values()])

    assert torch.equal(weights("evaluate_every=16"), weights("evaluate_every=1000"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*TINY["ganomaly"], "metrics=self_supervised"],
            "metrics= scores what is drawn .* GANomaly makes neither: use metrics=none",
        ),
        ([*TINY["mlp"], "metrics=none", "callbacks=detection"], "callbacks=detection goes with model=bigan"),
        ([*TINY["bigan"], "augment=diffaugment"], "augment= is for discriminators of images from noise alone"),
        ([*TINY["bigan"], "condition=projection"], "needs class labels, and digits has none: data.normal=0"),
        ([*TINY["mlp"], "metrics=classifier"], "needs class labels, and digits has none: data.normal=0"),
    ],
)
def test_what_makes_no_sense_is_refused(composed: Compose, words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(composed(*words, *QUICK)).fit()


def test_reconstructions_and_scores_are_those_of_the_authors_code() -> None:
    """Five pixels, evenly spaced, and the scores of two images of `sines`, in train mode and then in eval mode.

    The numbers are those of samet-akcay/ganomaly (MIT), filled by `fill` in double precision, without the last bias.
    """
    generator = Generator(latent_dim=4, image_size=32, channels=1, width=2).double()
    fill(generator)
    generator.decoder.layers[-2].bias.data.zero_()
    detector = LatentDistance(generator)
    for mode, pixels, scores in (
        (True, [0.0, -0.889068, -0.2334575, -0.0954754, -0.0853018], [3.2609701, 0.0866592]),
        (False, [-0.0083027, -0.0465497, -0.0054413, -0.0434283, -0.0066064], [0.0745203, 0.02996]),
    ):
        found = detector.train(mode)(sines((2, 1, 32, 32)))
        made = found.reconstructions.flatten()
        assert made[torch.linspace(0, len(made) - 1, 5).long()].tolist() == pytest.approx(pixels, abs=1e-6)
        assert found.scores.tolist() == pytest.approx(scores, abs=1e-6)
