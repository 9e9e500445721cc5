"""What is refused, before anything is downloaded or allocated, and in which words."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from ganforge.configuration.arguments import fits, parameters
from ganforge.configuration.build import build
from ganforge.configuration.trust import refuse_untrusted_targets, targets
from ganforge.data.arrays import Arrays
from ganforge.interfaces import Inputs
from ganforge.networks.dcgan import Generator
from ganforge.systems.gan import GANModule

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = [*TINY["dcgan"], "logger=none", "data.image_size=16"]

REFUSED = {
    "batch norm under a per-sample penalty": (
        ["loss=r1", "normalization.discriminator=batch"],
        "batch norm in the discriminator",
    ),
    "wrong type": (["seed=abc"], "^seed=abc should be a whole number"),
    "fraction for a whole number": (["images=1.5"], "^images=1.5 should be a whole number"),
    "negative budget": (["images=-5"], "^images=-5: the budget"),
    "choice that does not exist": (["model.generator.kernel_size=3"], "should be one of 4, 5"),
    "unknown argument": (["+model.generator.widht=3"], "no argument 'widht'. Did you mean width"),
    "image size": (["data.image_size=30"], "cannot make 30x30"),
    "batch larger than the data": (["data.batch_size=900"], "digits has 898 images"),
    "image network on points": (["data=mixture2d", "data.image_size=1", "model=dcgan"], "cannot make 1x1"),
    "scores of points for images": (
        ["metrics=mixture"],
        "the extractor points needs points, and digits has none. Use metrics=self_supervised",
    ),
    "scores of images for points": (
        ["data=mixture2d", "metrics=classifier"],
        "the extractor classifier needs images, and mixture2d has none. Use metrics=mixture or none",
    ),
    "signs where logits are only compared": (
        ["loss=relativistic", "augment=ada"],
        "^augment=ada adapts to the signs of .* or another loss$",
    ),
    "signs of a Wasserstein critic": (["loss=wgan", "augment=ada"], "^augment=ada adapts to the signs"),
    "signs of labels": (["loss=lsgan", "augment=ada"], "^augment=ada adapts to the signs"),
    "share that is none": (["augment=ada", "augment.p=2.0"], "^augment.p must be between 0 and 1"),
    "augmentation that is none": (["augment=ada", "augment.groups=[blit,blur]"], "^augment.groups="),
    "uneven shares": (["trainer=ddp_cpu", "data.batch_size=33"], "multiple of their number, 2"),
    "half precision on a CPU": (["trainer.precision=16-mixed"], "needs a GPU"),
    "half precision weights under a penalty": (["trainer.precision=bf16-true"], "needs float32 weights"),
    "missing GPU": (["trainer=gpu"], "needs a CUDA GPU"),
    "missing path": (["data=arrays"], "^data.path= is missing"),
    "learning rate": (["optimizer.generator.lr=-1"], "Invalid learning rate"),
    "infinite rate": (["optimizer.generator.lr=inf"], "^optimizer.generator.lr=inf should be a finite number"),
    "no number in a list": (["optimizer.generator.betas=[nan,0.9]"], "^optimizer.generator.betas=.* finite"),
    "a part of another kind": (
        ["system.game._target_=ganforge.sampling.latent.Latent"],
        "^system.game=ganforge.sampling.latent.Latent should be Game",
    ),
    "no number to clip at": (["training.gradient_clip_val=nan"], "^training.gradient_clip_val=nan should be a finite"),
    "infinite weight": (["loss.penalties.r1.weight=inf"], "^loss.penalties.r1.weight=inf should be a finite"),
    "endless half-life": (["system.average_half_life=inf"], "^system.average_half_life=inf should be a finite"),
    "seed of 67 bits": (["seed=99999999999999999999"], r"^seed=9+ should be a finite number below 2\*\*63"),
    "curves": (["log_every=0"], "^log_every=0 should be a whole number, at least 1"),
    "nothing held out": (
        ["data.held_out=1e-5"],
        r"^data.held_out=1e-05 of the 1797 images of digits are 0, and 2 must",
    ),
    "no memory": (["data=folder", "data.path=.", "data.memory_gib=-1"], "^data.memory_gib must not be negative"),
    "text for a learning rate": (["optimizer.generator.lr=fast"], "^optimizer.generator.lr=fast should be a number"),
    "three betas": (["optimizer.generator.betas=[0.5,0.9,0.9]"], "^optimizer.generator.betas="),
    "positional arguments": (["+optimizer.generator._args_=[1]"], "no argument '_args_'"),
    "number for a network": (["model.generator=3"], "^model.generator=3 should be Module"),
    "number for a score": (["metrics.scores.fid=3"], "^metrics.scores="),
    "no player": (["~optimizer.generator"], "cannot be built"),
    "callback without its argument": (
        ["+callbacks.x={_target_:lightning.pytorch.callbacks.StochasticWeightAveraging}"],
        "^callbacks.x cannot be built: .*'swa_lrs'",
    ),
    "callback that is none": (["+callbacks.x={_target_:torch.nn.Identity}"], "callbacks.x should be a Callback"),
    "reference to itself": (["seed=${seed}"], "lead back to themselves"),
    "half-life": (["system.average_half_life=0"], "average_half_life must be positive"),
    "clipping": (["training.gradient_clip_val=-1.0"], "gradient_clip_val must be positive"),
    "accumulation": (["training.accumulate_grad_batches=0"], "accumulate_grad_batches must be at least 1"),
    "fakes": (["metrics.images=3"], "at least 10"),
    "latent": (["model.latent.dim=0"], "at least one dimension"),
    "cadence": (["evaluate_every=0"], "^evaluate_every=0 should be a whole number, at least 1"),
    "a time for a budget": (["+trainer.max_time=00:00:00:02"], "^trainer.max_time=.* the budget of a run is images="),
    "a trial of Lightning's": (["+trainer.fast_dev_run=true"], "^trainer.fast_dev_run=True: the budget of a run"),
    "few images again and again": (["trainer.limit_train_batches=3"], "^trainer.limit_train_batches=3: the budget"),
    "epochs for a budget": (["trainer.max_epochs=3"], "^trainer.max_epochs=3: the budget of a run"),
    "more than the budget": (["+trainer.min_steps=100"], "^trainer.min_steps=100: the budget of a run"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_sentence(composed: Compose, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides, message = REFUSED[case]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match=message) as error:
        build(composed(*QUICK, *overrides))
    assert "\n" not in str(error.value).strip()


@pytest.mark.parametrize(("augment", "name"), [("diffaugment", "DiffAugment"), ("ada", "ADA")])
def test_points_are_not_augmented(composed: Compose, augment: str, name: str) -> None:
    message = f"^the augmentation {name} needs images, and mixture2d has none. Leave augment= out$"
    with pytest.raises(ValueError, match=message):
        build(composed("data=mixture2d", f"augment={augment}"))


def test_what_no_signature_speaks_of_is_said_with_its_reason(
    composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the reason\nand where")

    monkeypatch.setattr("ganforge.configuration.build._built", fails)
    with pytest.raises(ValueError, match=r"^this configuration cannot be built: RuntimeError: the reason$"):
        build(composed())


def test_nonsense_is_refused_before_data_is_looked_for(composed: Compose) -> None:
    with pytest.raises(ValueError, match="batch norm"):
        build(composed("data=cifar10", "data.root=/nowhere", "loss=wgan_gp", "normalization.discriminator=batch"))


def test_classifier_needs_labels(composed: Compose, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((40, 16, 16), np.uint8))
    arrays = ["data=arrays", f"data.path={tmp_path}/x.npz", "data.batch_size=4", *TINY["dcgan"]]
    with pytest.raises(ValueError, match=r"x has none\. Use metrics=self_supervised, "):
        build(composed(*arrays))
    build(composed(*arrays, "metrics=self_supervised"))


@pytest.mark.parametrize(
    "target",
    ["os.system", "builtins.eval", "torch.load", "pathlib.Path.write_text", "numpy.savetxt", "hydra.main"],
)
@pytest.mark.parametrize("place", ["callbacks.extra", "model.generator", "loss.adversarial", "logger.extra", "data"])
def test_hostile_targets_are_refused_wherever_they_are(composed: Compose, target: str, place: str) -> None:
    config = composed()
    OmegaConf.set_struct(config, False)
    OmegaConf.update(config, place, {"_target_": target, "x": 1}, force_add=True)
    with pytest.raises(ValueError, match="is not allowed"):
        refuse_untrusted_targets(config)


def test_hostile_target_in_a_nested_partial_is_refused(composed: Compose) -> None:
    config = composed()
    hostile = {
        "_target_": "torch.nn.Sequential",
        "_partial_": True,
        "args": [{"deep": {"_target_": "os.system"}}],
    }
    OmegaConf.update(config, "model.generator.extra", hostile, force_add=True)
    with pytest.raises(ValueError, match=r"os\.system"):
        refuse_untrusted_targets(config)


def test_parameters_follow_keywords_to_the_base_class() -> None:
    accepted = parameters(GANModule)
    assert accepted["seed"] is int
    assert "latent" in accepted
    assert parameters(Generator)["width"] is int


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, int, True),
        (True, int, False),
        (1, float, True),
        ("1", float, False),
        (None, int | None, True),
        (OmegaConf.create([1, 2]), list[int], True),
        (OmegaConf.create([1, "2"]), list[int], False),
        (3, list[int], False),
        (OmegaConf.create({"a": 1}), int, False),
        ("x", float | torch.Tensor, False),
        (0.5, float | torch.Tensor, True),
        (OmegaConf.create([0.5, 0.9]), tuple[float, float], True),
        (OmegaConf.create([0.5]), tuple[float, float], False),
        (OmegaConf.create({"a": None}), dict[str, int], False),
        (OmegaConf.create({"a": 1}), torch.nn.Module, False),
        (OmegaConf.create({"_target_": "torch.nn.Identity"}), torch.nn.Module, True),
        (3, torch.nn.Module, False),
        (None, Mapping[str, int], False),
        ("x", Path, True),
        ("x", Any, True),
        (OmegaConf.create({"a": 1}), Any, True),
        (OmegaConf.create({"a": 1}), TypeVar("T"), True),
    ],
)
def test_values_fit_their_hints(value: object, hint: object, expected: bool) -> None:
    assert fits(value, hint) is expected


def test_arrays_describe_themselves_to_the_networks(composed: Compose, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((40, 16, 16, 3), np.uint8))
    config = composed(*TINY["dcgan"], "data=arrays", f"data.path={tmp_path}/x.npz", "data.batch_size=4", "metrics=none")
    experiment = build(config)
    assert experiment.config.model.generator.image_size == 16
    assert experiment.config.model.discriminator.channels == 3
    sampler = experiment.system.sampler()
    assert sampler.images(Inputs(sampler.latent.sample(2))).shape == (2, 3, 16, 16)


def test_few_images_are_refused_only_where_scores_need_them(composed: Compose, tmp_path: Path) -> None:
    """One of fifteen images is held out; it is enough to be shown."""
    np.savez(tmp_path / "x.npz", images=np.zeros((15, 16, 16), np.uint8), labels=np.arange(15) % 2)
    arrays = [*TINY["dcgan"], "data=arrays", f"data.path={tmp_path}/x.npz", "data.batch_size=4"]
    assert len(build(composed(*arrays, "metrics=none")).data.held_out_split.images) == 1
    with pytest.raises(ValueError, match=r"^data.held_out=0.1 of the 15 images of x are 1, and 2 must be held out"):
        build(composed(*arrays))


def test_files_are_read_once(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((40, 16, 16), np.uint8))
    reads: list[Arrays] = []
    original = Arrays.load
    monkeypatch.setattr(Arrays, "load", lambda data: (reads.append(data), original(data))[1])
    build(composed(*TINY["dcgan"], "data=arrays", f"data.path={tmp_path}/x.npz", "data.batch_size=4", "metrics=none"))
    assert len(reads) == 1


def test_compiling_without_a_compiler_is_refused(composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganforge.configuration.needs.shutil.which", lambda name: None)
    with pytest.raises(ValueError, match=r"needs a C\+\+ compiler"):
        build(composed(*TINY["mlp"], "training.compile=true"))


def test_every_target_is_found_where_it_is_written() -> None:
    """Not where it is referred to; a value that is missing is left to its reader."""
    config = OmegaConf.create({"_target_": "x", "a": "???", "b": "${c}", "c": [{"d": {"_target_": "y"}}]})
    assert [path for path, _ in targets(config)] == ["", "c.0.d"]
