"""From a composed configuration to objects; refuses, in the user's words, what makes no sense."""

import os
import shutil
import sys
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import lightning
import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch.nn.modules.batchnorm import _BatchNorm

from ganforge.arguments import refuse_wrong_arguments
from ganforge.artifacts.checkpoints import AtomicCheckpointIO
from ganforge.data.module import InMemoryData
from ganforge.faults import unwrapped
from ganforge.interfaces import Batch
from ganforge.metrics.fingerprint import fingerprint
from ganforge.references import refuse_endless_references, resolved
from ganforge.signals import start_ignoring_signals
from ganforge.systems.adversarial import AdversarialModule
from ganforge.trust import refuse_untrusted_targets

OURS = ("gradient_clip_val", "accumulate_grad_batches", "compile", "matmul_precision", "on_nan")
"""Keys of `trainer` that are not Lightning's business."""

LIMITS = (
    "fast_dev_run", "limit_train_batches", "max_epochs", "max_steps", "max_time", "min_epochs", "min_steps",
    "overfit_batches",
)  # fmt: skip
"""Arguments of Lightning's Trainer that end a run, or keep it from ending."""
TRAINING_IMAGES = "training_images"
"""The key of their fingerprint in the hyperparameters, which checkpoints carry."""
FINGERPRINT_BYTES = 2**24
COMPILERS = ("g++", "clang++", "c++")


@dataclass
class Experiment:
    """Everything that a run needs; `config` is resolved and says what was built."""

    config: DictConfig
    data: InMemoryData
    system: AdversarialModule
    trainer: lightning.Trainer

    @property
    def images_per_round(self) -> int:
        return self.data.batch_size * self.system.batches_per_round

    def fit(self, checkpoint: Path | None = None) -> None:
        """Train, from `checkpoint` on if there is one; raises what went wrong, also if it did in another process."""
        if isinstance(self.trainer.strategy.launcher, _MultiProcessingLauncher):
            start_ignoring_signals(resource_tracker.ensure_running)
        try:
            self.trainer.fit(self.system, datamodule=self.data, ckpt_path=checkpoint, weights_only=True)
        except Exception as error:
            cause = unwrapped(error)
            if cause is error:
                raise
            raise cause from error


def build(config: DictConfig, in_sweep: bool = False, first_unwritten: int | None = None) -> Experiment:
    """Build an experiment from configuration that may come from anywhere; ValueError says what to change.

    Curves of an earlier start are kept up to the moment `first_unwritten`.
    """
    try:
        return _built(config, in_sweep, first_unwritten)
    except (ValueError, OSError, MemoryError, OmegaConfBaseException):
        raise
    except Exception as error:  # a part was given what no signature speaks of
        reason = str(error).partition("\n")[0]
        raise ValueError(f"this configuration cannot be built: {type(error).__name__}: {reason}") from error


def _built(config: DictConfig, in_sweep: bool, first_unwritten: int | None) -> Experiment:
    config = config.copy()
    OmegaConf.set_struct(config, False)
    refuse_endless_references(OmegaConf.to_container(config))
    if not has_scores(config):
        config.callbacks.pop("evaluation", None)
    refuse_untrusted_targets(config)
    refuse_foreign_metrics(config)
    refuse_wrong_arguments(config.data, "data")
    data = create(config.data, "data")
    described = None not in (data.image_size, data.channels, data.num_classes if config.condition.labels else 0)
    if not described:
        load(data, config)
    refuse_wrong_arguments(config)
    refuse_missing_hardware(config.trainer)
    refuse_other_budgets(config.trainer)
    torch.manual_seed(config.seed)
    system = create(config.system, "system").to(memory_format=torch.channels_last)
    system.configure_optimizers()
    refuse_unused_labels(system, config, data)
    refuse_impossible_games(system, config.trainer.precision)
    refuse_impossible_endings(system, config.trainer.precision)
    if described:
        load(data, config)
    trainer = build_trainer(config, first_unwritten)
    refuse_other_launchers(trainer, in_sweep)
    warn_of_crowding(trainer)
    refuse_missing_labels(config, data)
    refuse_uneven_ranks(data, trainer, system)
    OmegaConf.resolve(config)
    system.hparams.update(OmegaConf.to_container(config))
    system.hparams[TRAINING_IMAGES] = sample_fingerprint(data.train_split)
    return Experiment(config, data, system, trainer)


def create(node: DictConfig, where: str, **more: Any) -> Any:
    """Instantiate what `node` comes to, checked once more now; the constructor's own complaint is the message."""
    if not OmegaConf.is_dict(node):
        raise ValueError(f"{where}={node} should be a mapping with a _target_")
    node = resolved(node)
    refuse_untrusted_targets(node)
    try:
        return instantiate(node, _convert_="all", **more)
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, ValueError):
            raise ValueError(str(cause)) from error
        reason = str(cause).partition("\n")[0]
        raise ValueError(f"{where} cannot be built: {reason}") from error


def create_as(kind: type, node: DictConfig, where: str, **more: Any) -> Any:
    created = create(node, where, **more)
    if not isinstance(created, kind):
        raise ValueError(f"{where} should be a {kind.__name__} of Lightning's, not {type(created).__name__}")
    return created


def load(data: InMemoryData, config: DictConfig) -> None:
    """Read the data; it describes itself once, in the configuration that networks read."""
    data.load_splits()
    refuse_few_held_out(config, data)
    for fact in ("image_size", "channels", "num_classes"):
        config.data[fact] = getattr(data, fact)


def sample_fingerprint(split: Batch) -> str:
    """Of as many images as make some megabytes, evenly from all, and of their labels: a start must not take longer."""
    step = -(-split.images.nbytes // FINGERPRINT_BYTES)
    labels = () if split.labels is None else (split.labels,)
    return fingerprint(len(split.images), split.images[::step], *labels)


def build_trainer(config: DictConfig, first_unwritten: int | None) -> lightning.Trainer:
    """Lightning's Trainer with our callbacks in place of its own; each player clips and accumulates for itself."""
    hardware = resolved(config.trainer)
    trainer = create(
        OmegaConf.masked_copy(hardware, [str(key) for key in hardware if key not in OURS]),
        "trainer",
        callbacks=[create_as(Callback, node, f"callbacks.{name}") for name, node in config.callbacks.items()],
        logger=[build_logger(node, name, first_unwritten) for name, node in config.get("logger", {}).items()],
        plugins=[AtomicCheckpointIO()],
        default_root_dir=config.paths.run,
        max_steps=-1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer._signal_connector.register_signal_handlers = nothing  # ours are there, and need no SIGUSR1
    return trainer


def nothing() -> None:
    """A function and no lambda, as a trainer is sent to other processes."""


def build_logger(node: DictConfig, name: str, first_unwritten: int | None) -> Any:
    """TensorBoard's and our own logger drop what a resumed run will write once more."""
    goes_on = node._target_.endswith((".TensorBoardLogger", ".CsvCurves"))
    return create_as(Logger, node, f"logger.{name}", **({"purge_step": first_unwritten} if goes_on else {}))


def refuse_other_launchers(trainer: lightning.Trainer, in_sweep: bool) -> None:
    """Lightning's script launcher repeats the command line in every process: a sweep would then mix its runs.

    Under SLURM or torchrun it starts none, as they have started all.
    """
    launcher = trainer.strategy.launcher
    if (
        isinstance(launcher, _SubprocessScriptLauncher)
        and not launcher.cluster_environment.creates_processes_externally
    ):
        mixed = "jobs of the sweep into one another" if in_sweep else "several run folders"
        raise ValueError(
            f"this strategy repeats the command line for each device, which would write {mixed}. Use trainer=ddp, "
            "trainer=ddp_cpu or trainer.strategy=ddp_spawn_find_unused_parameters_true"
        )


def warn_of_crowding(trainer: lightning.Trainer) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    local = isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)
    if local and isinstance(trainer.accelerator, CPUAccelerator) and trainer.num_devices > cores:
        print(
            f"warning: trainer.devices={trainer.num_devices} processes share {cores} processor cores, which makes them "
            "slower than fewer would be",
            file=sys.stderr,
        )


def refuse_missing_hardware(trainer: DictConfig) -> None:
    if trainer.accelerator == "cuda" and not torch.cuda.is_available():
        raise ValueError("this trainer needs a CUDA GPU, and PyTorch finds none here. Use trainer=cpu")
    if trainer.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ValueError("trainer=mps needs an Apple GPU, and PyTorch finds none here. Use trainer=cpu")
    if trainer.compile and not any(map(shutil.which, COMPILERS)):
        raise ValueError(f"trainer.compile=true needs a C++ compiler ({', '.join(COMPILERS)}), and there is none here")
    if trainer.accelerator == "cpu" and trainer.precision == "16-mixed":
        raise ValueError("trainer.precision=16-mixed needs a GPU. On the CPU use bf16-mixed or 32-true")


def refuse_other_budgets(trainer: DictConfig) -> None:
    """Lightning's own limits count steps, epochs or seconds, and would begin the order of the images again."""
    limits = {key: trainer[key] for key in LIMITS if trainer.get(key)}
    if limits.keys() <= {"max_epochs", "limit_train_batches"}:
        once = limits.get("max_epochs") == 1 and "limit_train_batches" in limits  # as trainer=debug has it
        if once or limits == {"max_epochs": -1}:
            return
    wrong = next(iter(limits.keys() - {"max_epochs"}), "max_epochs")
    raise ValueError(f"trainer.{wrong}={trainer[wrong]}: the budget of a run is images=; trainer=debug ends it early")


def refuse_impossible_games(system: AdversarialModule, precision: str) -> None:
    per_sample = [name for name, penalty in system.game.penalties.items() if penalty.per_sample]
    if not per_sample:
        return
    if any(isinstance(layer, _BatchNorm) for layer in system.discriminator.modules()):
        raise ValueError(
            f"the penalty {per_sample[0]} looks at each image's own gradient, which batch norm in the discriminator "
            "mixes up. Use normalization.discriminator=layer (or instance, or none)"
        )
    if precision in ("16-true", "bf16-true"):
        raise ValueError(
            f"the penalty {per_sample[0]} needs float32 weights: use trainer.precision=bf16-mixed or 32-true"
        )


def refuse_impossible_endings(system: AdversarialModule, precision: str) -> None:
    """One pass serves both players only if each fake's gradient can be told from the others', and is nowhere lost."""
    if system.ending != "one_stage":
        return
    if any(isinstance(layer, _BatchNorm) for layer in system.discriminator.modules()):
        raise ValueError(
            "system.ending=one_stage needs each image's own gradient, which batch norm in the discriminator mixes up. "
            "Use normalization.discriminator=layer (or instance, or none)"
        )
    sure = torch.tensor([-3.0, 3.0])
    if not system.game.gradient_ratio(torch.zeros(2), sure).isfinite().all():
        raise ValueError(
            "system.ending=one_stage: this loss gives the discriminator no gradient for fakes that it is sure of, so "
            "there is none to hand on to the generator. Use system.ending=shared, or another loss"
        )
    if precision == "16-mixed":
        raise ValueError(
            "system.ending=one_stage steps both players on one loss scale: use trainer.precision=bf16-mixed"
        )


def refuse_foreign_metrics(config: DictConfig) -> None:
    """Scores of points are for points, and scores of images for images."""
    if not has_scores(config):
        return
    judges_points = config.metrics.extractor._target_.endswith("PointsExtractor")
    if judges_points != config.data._target_.endswith("Mixture2d"):
        kind = "points" if judges_points else "images"
        raise ValueError(f"these metrics judge {kind}, and the data has none: leave metrics= out, or use metrics=none")


def refuse_few_held_out(config: DictConfig, data: InMemoryData) -> None:
    """Scores compare with two images at least; without scores one is shown beside the samples."""
    needed, held_out = 2 if has_scores(config) else 1, len(data.held_out_split.images)
    if held_out < needed:
        raise ValueError(
            f"data.held_out={config.data.held_out} of the {held_out + len(data.train_split.images)} images of "
            f"{data.name} are {held_out}, and {needed} must be held out: use more images, or a larger data.held_out"
        )


def has_scores(config: DictConfig) -> bool:
    """False with metrics=none, whose extractor names no class."""
    extractor = config.metrics.extractor
    return extractor is not None and not (OmegaConf.is_dict(extractor) and "_target_" not in extractor)


def refuse_unused_labels(system: AdversarialModule, config: DictConfig, data: InMemoryData) -> None:
    """With condition=class, labels must be there and both players must take them."""
    if not config.condition.labels:
        return
    if data.num_classes is None:
        raise ValueError(
            f"condition=class needs class labels, and {data.name} has none{data.why_unlabelled}. Leave condition= out"
        )
    for player in ("generator", "discriminator"):
        if getattr(getattr(system, player), "num_classes", None) != data.num_classes:
            raise ValueError(f"condition=class: the {player} of this model takes no labels. Leave condition= out")


def refuse_missing_labels(config: DictConfig, data: InMemoryData) -> None:
    if data.num_classes is None and has_scores(config) and get_object(config.metrics.extractor._target_).needs_labels:
        raise ValueError(
            f"metrics=classifier needs class labels, and {data.name} has none{data.why_unlabelled}. "
            "Use metrics=self_supervised, metrics=inception or metrics=none"
        )


def refuse_uneven_ranks(data: InMemoryData, trainer: lightning.Trainer, system: AdversarialModule) -> None:
    if data.batch_size % trainer.world_size:
        raise ValueError(
            f"data.batch_size={data.batch_size} is shared among all processes: it must be a multiple of their number, "
            f"{trainer.world_size}"
        )
