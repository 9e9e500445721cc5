"""What many tests need: a composed configuration shrunk for tests, and the command line in a process of its own."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganforge.process import signals

from . import shortcuts
from .composition import composition
from .processes import ROOT, born

os.environ.setdefault("PROJECT_ROOT", str(ROOT))
shortcuts.take()

TINY = {
    "mlp": ["model=mlp", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]"],
    "dcgan": ["model=dcgan", "model.generator.width=2"],
    "sngan": ["model=sngan", "model.generator.width=2", "model.discriminator.width=2"],
    "sngan_cnn": ["model=sngan_cnn", "model.generator.width=2"],
    "acgan": ["model=acgan", "model.generator.width=2", "model.discriminator.width=2"],
    "infogan": ["model=infogan", "model.generator.width=2", "model.generator.hidden=8"],
    "improved_gan": ["model=improved_gan", "model.generator.hidden=[8]", "model.discriminator.hidden=[8,4]"],
    "improved_gan_conv": ["model=improved_gan_conv", "model.generator.width=2", "model.discriminator.width=2"],
    "stylegan2": ["model=stylegan2_small", "model.latent.dim=8", "model.generator.channel_max=4"],
    "sagan": ["model=sagan", "model.generator.width=2", "model.discriminator.width=2"],
    "biggan": [
        "model=biggan", "model.latent.dim=16", "model.generator.width=1", "model.generator.shared=4",
        "model.generator.attention=16", "model.discriminator.width=1", "model.discriminator.attention=16",
    ],
    "r3gan": ["model=r3gan", "model.generator.width=2", "model.generator.blocks=1", "model.generator.group_width=2"],
    "progan": ["model=progan", "model.generator.fmap_max=4", "model.latent.dim=8"],
    "vae": ["model=vae", "model.encoder.hidden=[8]"],
    "vae_conv": ["model=vae_conv", "model.encoder.width=2"],
    "bigan": [
        "model=bigan", "model.latent.dim=4", "model.generator.width=2", "model.generator.hidden=8",
        "model.encoder.width=2", "model.discriminator.width=2", "model.discriminator.hidden=8",
    ],
    "ganomaly": ["model=ganomaly", "model.generator.width=2", "model.generator.latent_dim=4"],
    "f_anogan": ["model=f_anogan", "model.generator.width=2"],
    "pix2pix": ["model=pix2pix", "view=edges", "model.generator.width=2", "model.discriminator.receptive_field=16"],
    "cyclegan": [
        "model=cyclegan", "view=edges", "model.generator.width=2", "model.generator.blocks=1",
        "model.discriminator.receptive_field=16",
    ],
    "srresnet": ["model=srresnet", "model.generator.width=2", "model.generator.blocks=1"],
    "srgan": ["model=srgan", "model.generator.width=2", "model.generator.blocks=1", "model.discriminator.width=2"],
    "rrdb": ["model=rrdb", "model.generator.width=2", "model.generator.blocks=1", "model.generator.growth=2"],
    "esrgan": [
        "model=esrgan", "model.generator.width=2", "model.generator.blocks=1", "model.generator.growth=2",
        "model.discriminator.width=2",
    ],
    "stargan": ["model=stargan", "model.generator.width=2", "model.generator.blocks=1", "model.discriminator.width=2"],
}  # fmt: skip
"""Overrides for the smallest version of each model."""
LOSSES = sorted(path.stem for path in (ROOT / "conf" / "loss").glob("*.yaml"))
OWN_LOSS = {"vae": "elbo", "vae_conv": "elbo", "f_anogan": "izi_f", "srresnet": "content", "rrdb": "content"}
"""Of models that play no adversarial game."""
ADVERSARIAL = [loss for loss in LOSSES if loss not in OWN_LOSS.values()]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take minutes first: at the end, one would keep all other workers waiting."""
    items.sort(key=lambda item: not item.path.stem.endswith(("science", "gpu", "platforms", "fuzz_command_lines")))


def pytest_collection_finish() -> None:
    """Whatever was imported stays: no later collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def as_at_the_start() -> None:
    """One thread, the same random numbers, and no signal that another test has sent to this process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    signals.received.clear()


def composed_below(folder: Path) -> Callable[..., DictConfig]:
    """`composed("loss=wgan", ...)`: the training configuration, its run folder and cache below `folder`."""

    def compose_train(*overrides: str) -> DictConfig:
        config = composition("train", *overrides)
        config.paths.run = str(folder / "run")
        config.paths.outputs = str(folder)
        return config

    return compose_train


@pytest.fixture
def composed(tmp_path: Path) -> Callable[..., DictConfig]:
    return composed_below(tmp_path)


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """`command("model=mlp", ...)`: `python src/train.py` from another folder, writing below a temporary one.

    A fresh process where the environment has what Python reads at its start.
    """

    def run(
        *arguments: str, timeout: int = 600, script: str = "train", **environment: str
    ) -> subprocess.CompletedProcess:
        outputs = [] if any(word in ("--help", "-h") for word in arguments) else [f"paths.outputs={tmp_path}/outputs"]
        words = [*outputs, *arguments]
        if not any(name.startswith("PYTHON") for name in environment):
            process = born(script, *words, cwd=tmp_path, environment=environment)
            output, errors = process.communicate(timeout)
            return subprocess.CompletedProcess(words, process.wait(), output, errors)
        return subprocess.run(
            [sys.executable, str(ROOT / "src" / f"{script}.py"), *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "80"} | environment,
        )

    return run


@pytest.fixture
def real_data() -> Path:
    """The folder with the real MNIST, SVHN and CIFAR-10 files that GANFORGE_TEST_DATA names."""
    folder = os.environ.get("GANFORGE_TEST_DATA")
    if not folder:
        pytest.skip("GANFORGE_TEST_DATA names no folder with real data")
    return Path(folder)


@pytest.fixture(scope="session")
def random_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the format of the standard ones."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.manual_seed(0)
    shell = FeatureExtractorInceptionV3.__new__(FeatureExtractorInceptionV3)
    captured: dict[str, Tensor] = {}

    def capture(network: FeatureExtractorInceptionV3, state: object) -> None:
        captured.update(network.state_dict())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", capture)
        patch.setattr("torch_fidelity.feature_extractor_inceptionv3.torch.load", lambda *_, **__: {})
        shell.__init__("inception-v3-compat", ["2048"], "unused")
    torch.save(captured, path)
    return path
