"""From a composed configuration to objects."""

from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import lightning
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from ganforge.artifacts.checkpoints import AtomicCheckpointIO
from ganforge.artifacts.tensors import Cache
from ganforge.compat.lightning import MultiProcessingLauncher, leave_signals_alone
from ganforge.configuration.arguments import refuse_wrong_arguments
from ganforge.configuration.needs import (
    has_scores,
    needs_classes,
    needs_domains,
    refuse_few_held_out,
    refuse_low_precision,
    refuse_meaningless_signs,
    refuse_missing_hardware,
    refuse_mixed_gradients,
    refuse_other_budgets,
    refuse_other_games,
    refuse_other_launchers,
    refuse_other_scales,
    refuse_scores_of_nothing,
    refuse_uneven_ranks,
    refuse_unlearned_classes,
    refuse_unmet_needs,
    refuse_unread_codes,
    refuse_unused_labels,
    warn_of_crowding,
)
from ganforge.configuration.references import refuse_endless_references, resolved
from ganforge.configuration.trust import refuse_untrusted_targets
from ganforge.data.module import InMemoryData
from ganforge.faults import unwrapped
from ganforge.interfaces import Batch
from ganforge.metrics.fingerprint import fingerprint
from ganforge.process.signals import start_ignoring_signals
from ganforge.systems.batch_norm import SharedBatchNorms
from ganforge.systems.system import System

TRAINING_IMAGES = "training_images"
"""The key of their fingerprint in the hyperparameters, which checkpoints carry."""
FINGERPRINT_BYTES = 2**24


@dataclass
class Experiment:
    """Everything that a run needs; `config` is resolved and says what was built."""

    config: DictConfig
    data: InMemoryData
    system: System
    trainer: lightning.Trainer

    @property
    def images_per_round(self) -> int:
        """At most."""
        return self.data.batch_size * self.system.batches_per_round * self.system.largest_batch_multiple

    def prepare(self) -> None:
        """Before processes part, so that what is learned of the data is learned once."""
        self.system.prepare(self.data.train_split, self.data.held_out_split, Cache(Path(self.config.paths.cache)))

    def fit(self, checkpoint: Path | None = None) -> None:
        """Train, from `checkpoint` on if there is one; raises what went wrong, also if it did in another process."""
        if isinstance(self.trainer.strategy.launcher, MultiProcessingLauncher):
            start_ignoring_signals(resource_tracker.ensure_running)
        self.prepare()
        try:
            self.trainer.fit(self.system, datamodule=self.data, ckpt_path=checkpoint, weights_only=True)
        except Exception as error:
            cause = unwrapped(error)
            if cause is error:
                raise
            raise cause from error


def build(config: DictConfig, in_sweep: bool = False, rewrite_from: int | None = None) -> Experiment:
    """Build an experiment from configuration that may come from anywhere; ValueError says what to change.

    Curves of an earlier start are kept up to the moment `rewrite_from`.
    """
    try:
        return _built(config, in_sweep, rewrite_from)
    except (ValueError, OSError, MemoryError, OmegaConfBaseException):
        raise
    except Exception as error:  # a part was given what no signature speaks of
        reason = str(error).partition("\n")[0]
        raise ValueError(f"this configuration cannot be built: {type(error).__name__}: {reason}") from error


def _built(config: DictConfig, in_sweep: bool, rewrite_from: int | None) -> Experiment:
    config = config.copy()
    OmegaConf.set_struct(config, False)
    refuse_endless_references(OmegaConf.to_container(config))
    if not has_scores(config):
        for name in [name for name, node in config.callbacks.items() if "evaluator" in node]:
            config.callbacks.pop(name)
    refuse_untrusted_targets(config)
    refuse_other_games(config)
    data = create_data(config)
    described = None not in (
        data.image_size,
        data.channels,
        data.num_classes if needs_classes(config) else 0,
        data.source_channels if data.gives & {"sources"} else 0,
    )
    if not described:
        load(data, config)
        refuse_unmet_needs(config, data)
    refuse_wrong_arguments(config)
    refuse_missing_hardware(config.trainer, config.training)
    refuse_other_budgets(config.trainer)
    torch.manual_seed(config.seed)
    system = create(config.system, "system").to(memory_format=torch.channels_last)
    system.configure_optimizers()
    refuse_unused_labels(system, config, data)
    refuse_unread_codes(system)
    refuse_unlearned_classes(system)
    refuse_scores_of_nothing(system, config, data)
    refuse_mixed_gradients(system)
    refuse_meaningless_signs(system)
    refuse_other_scales(system, data)
    refuse_low_precision(system, config.trainer.precision)
    if described:
        load(data, config)
    trainer = build_trainer(config, rewrite_from)
    refuse_other_launchers(trainer, in_sweep)
    warn_of_crowding(trainer)
    refuse_unmet_needs(config, data)
    refuse_uneven_ranks(data, trainer, system)
    OmegaConf.resolve(config)
    system.hparams.update(OmegaConf.to_container(config))
    if needs_domains(config):
        system.hparams["domains"] = list(data.class_names or map(str, range(config.data.num_classes)))
    system.hparams[TRAINING_IMAGES] = sample_fingerprint(data.train_split, data.train_sources)
    return Experiment(config, data, system, trainer)


def create_data(config: DictConfig) -> InMemoryData:
    """What `config.data` describes, not loaded yet; all that is known of it beforehand is in `config` afterwards."""
    refuse_wrong_arguments(config.get("view"), "view")
    refuse_wrong_arguments(config.data, "data")
    data: InMemoryData = create(config.data, "data")
    refuse_unmet_needs(config, data)
    describe(data, config)
    return data


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
    describe(data, config)


def describe(data: InMemoryData, config: DictConfig) -> None:
    for fact in ("image_size", "channels", "num_classes", "source_channels"):
        config.data[fact] = getattr(data, fact)


def sample_fingerprint(split: Batch, apart: Batch | None = None) -> str:
    """Of as many images as make some megabytes, evenly from all, of their labels, and of as many sources.

    A start must not take longer.
    """
    labels = () if split.labels is None else (split.labels,)
    sources = [sources for sources in (split.sources, apart and apart.images) if sources is not None]
    return fingerprint(len(split.images), sample(split.images), *labels, *map(sample, sources))


def sample(images: Tensor) -> Tensor:
    return images[:: -(-images.nbytes // FINGERPRINT_BYTES)]


def build_trainer(config: DictConfig, rewrite_from: int | None) -> lightning.Trainer:
    """Lightning's Trainer with our callbacks in place of its own; each player clips and accumulates for itself."""
    node = config.trainer.copy()
    plugins: list[Any] = [AtomicCheckpointIO()]
    if node.pop("sync_batchnorm", False):
        plugins.append(SharedBatchNorms())
    trainer = create(
        node,
        "trainer",
        callbacks=[create_as(Callback, node, f"callbacks.{name}") for name, node in config.callbacks.items()],
        logger=[build_logger(node, name, rewrite_from) for name, node in config.get("logger", {}).items()],
        plugins=plugins,
        default_root_dir=config.paths.run,
        max_steps=-1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    leave_signals_alone(trainer)
    return trainer


def build_logger(node: DictConfig, name: str, rewrite_from: int | None) -> Any:
    """TensorBoard's and our own logger drop what a resumed run will write once more."""
    goes_on = node._target_.endswith((".TensorBoardLogger", ".CsvCurves"))
    return create_as(Logger, node, f"logger.{name}", **({"purge_step": rewrite_from} if goes_on else {}))
