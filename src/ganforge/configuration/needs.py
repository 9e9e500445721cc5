"""What makes no sense is refused before anything is downloaded or allocated; the message says what to change."""

import inspect
import os
import re
import shutil
from typing import Any

import lightning
import torch
from hydra.utils import get_object
from lightning.pytorch.accelerators import CPUAccelerator
from omegaconf import DictConfig, OmegaConf

from ganforge.compat.lightning import MultiProcessingLauncher, SubprocessScriptLauncher
from ganforge.compat.torch import BatchNorm
from ganforge.data.module import InMemoryData
from ganforge.layers.heads import ClassOrFake, CodeHead
from ganforge.losses.game import Game
from ganforge.process.terminal import warn
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.f_anogan import FAnoGAN
from ganforge.systems.gan import GANModule
from ganforge.systems.semi_supervised import SemiSupervisedGAN
from ganforge.systems.stargan import StarGAN
from ganforge.systems.super_resolution import Regression, SuperResolution
from ganforge.systems.system import System
from ganforge.systems.vae import VAE

LIMITS = (
    "fast_dev_run", "limit_train_batches", "max_epochs", "max_steps", "max_time", "min_epochs", "min_steps",
    "overfit_batches",
)  # fmt: skip
"""Arguments of Lightning's Trainer that end a run, or keep it from ending."""
OTHER_METRICS = {"images": "self_supervised, inception or none", "points": "mixture or none"}
"""Those that need nothing but what a kind of data gives."""
WITH_SOURCES = {
    "smaller sources": "Use view=downscaled",
    "pairs": "Use view=edges, or data=pairs",
    "sources": "Use view=edges, data=domains or data=two_sets",
}
"""What a system that translates may need, and what has it."""
PLAYERS = (*AdversarialModule.players, *VAE.players, *FAnoGAN.players)
COMPILERS = ("g++", "clang++", "c++")


def refuse_other_launchers(trainer: lightning.Trainer, in_sweep: bool) -> None:
    """Lightning's script launcher repeats the command line in every process: a sweep would then mix its runs.

    Under SLURM or torchrun it starts none, as they have started all.
    """
    launcher = trainer.strategy.launcher
    if isinstance(launcher, SubprocessScriptLauncher) and not launcher.cluster_environment.creates_processes_externally:
        mixed = "jobs of the sweep into one another" if in_sweep else "several run folders"
        raise ValueError(
            f"this strategy repeats the command line for each device, which would write {mixed}. Use trainer=ddp "
            "or trainer=ddp_cpu"
        )


def warn_of_crowding(trainer: lightning.Trainer) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    local = isinstance(trainer.strategy.launcher, MultiProcessingLauncher)
    if local and isinstance(trainer.accelerator, CPUAccelerator) and trainer.num_devices > cores:
        warn(
            f"trainer.devices={trainer.num_devices} processes share {cores} processor cores, which makes them slower "
            "than fewer would be"
        )


def refuse_missing_hardware(trainer: DictConfig, training: DictConfig) -> None:
    if trainer.accelerator == "cuda" and not torch.cuda.is_available():
        raise ValueError("this trainer needs a CUDA GPU, and PyTorch finds none here. Use trainer=cpu")
    if trainer.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ValueError("trainer=mps needs an Apple GPU, and PyTorch finds none here. Use trainer=cpu")
    if training.compile and not any(map(shutil.which, COMPILERS)):
        raise ValueError(f"training.compile=true needs a C++ compiler ({', '.join(COMPILERS)}), and there is none here")
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


def refuse_mixed_gradients(system: System) -> None:
    """What needs each image's own gradient makes no sense where batch norm in the discriminator mixes the images."""
    if not isinstance(system, AdversarialModule):
        return
    needing = ["this system"] if system.per_sample else []
    needing += [f"the penalty {name}" for name, penalty in system.game.penalties.items() if penalty.per_sample]
    if needing and any(isinstance(layer, BatchNorm) for layer in system.discriminator.modules()):
        raise ValueError(
            f"{needing[0]} needs each image's own gradient, which batch norm in the discriminator mixes up. "
            "Use normalization.discriminator=layer (or instance, or none)"
        )
    if system.per_sample and any(getattr(layer, "mixes_images", False) for layer in system.discriminator.modules()):
        raise ValueError(
            "this system needs each image's own gradient, and a layer of the discriminator compares the images of a "
            "batch. Use system=gan"
        )


def refuse_meaningless_signs(system: System) -> None:
    """A logit's sign is an opinion only where the loss makes it one."""
    if not isinstance(system, GANModule) or system.augment is None:
        return
    if system.augment.reads_signs and not system.game.has_a_sign():
        raise ValueError(
            "augment=ada adapts to the signs of D(real), and with this loss a logit of zero does not stand between "
            "real and fake. Use augment.target=null with a fixed augment.p, augment=diffaugment, or another loss"
        )


def refuse_low_precision(system: System, precision: str) -> None:
    if precision in system.refused_precisions:
        raise ValueError(f"trainer.precision={precision}: {system.refused_precisions[precision]}")
    penalties = system.game.penalties if isinstance(system, AdversarialModule) else {}
    per_sample = [name for name, penalty in penalties.items() if penalty.per_sample]
    if per_sample and precision in ("16-true", "bf16-true"):
        raise ValueError(
            f"the penalty {per_sample[0]} needs float32 weights: use trainer.precision=bf16-mixed or 32-true"
        )


def refuse_other_games(config: DictConfig) -> None:
    """A system plays one kind of game: that of `loss=`, with the networks of `model=`, and with nothing beside it."""
    system = get_object(config.system._target_)
    if not (inspect.isclass(system) and issubclass(system, System)):
        return
    goes_with = f"the system {system.__name__} goes with {system.goes_with}"
    game = get_object(config.loss._target_) if "_target_" in config.loss else Game
    if not issubclass(game, system.plays):
        raise ValueError(f"loss= makes another game: {goes_with}")
    asked = re.findall(r"\$\{model\.(\w+)\}", str(OmegaConf.to_container(config.system, resolve=False)))
    missing = [part for part in asked if part not in config.model]
    if missing:
        raise ValueError(f"model= has no {missing[0]}: {goes_with}")
    for group in ("optimizer", "schedule"):
        strangers = [
            player for player in PLAYERS if player in (config.get(group) or {}) and player not in system.players
        ]
        if strangers:
            raise ValueError(
                f"{group}= is for the {strangers[0]}, and {system.players[0]} is what learns here: leave it out"
            )
    beside = {"penalties", "constraint"} & set(config.loss) or config.get("augment") is not None
    if beside and game is not Game:
        raise ValueError(
            "penalty=, constraint= and augment= are for a discriminator, and there is none: leave them out"
        )
    if config.get("regularizers") and "regularizers" not in config.system:
        raise ValueError(
            "regularizer=, condition=auxiliary and condition=codes are for GANs from noise to image with turns of "
            f"their own, and {system.__name__} is none: leave them out"
        )
    if config.get("content") and not issubclass(system, Regression | SuperResolution):
        raise ValueError(f"content= is for super-resolution, and {system.__name__} is none: leave it out")
    if config.get("augment") is not None and "augment" not in config.system:
        raise ValueError(
            f"augment= is for discriminators of images from noise alone, and {system.__name__} has none: leave it out"
        )


def refuse_unmet_needs(config: DictConfig, data: InMemoryData) -> None:
    """Parts say what they `need` of the data, and the data says what it `gives`: more once it is loaded."""
    system: Any = get_object(config.system._target_) if "_target_" in config.get("system", ()) else None
    translated = [need for need in WITH_SOURCES if need in getattr(system, "needs", ())]
    needs = [(f"the system {system.__name__}", frozenset({need}), WITH_SOURCES[need]) for need in translated]
    for_translation = "for a model that translates, such as model=pix2pix"
    if data.own_sources and system is not None and not translated:
        several = " with a folder for each domain" if needs_domains(config) else ""
        raise ValueError(f"{data.name} has sources {for_translation}: use data=folder{several} or data=arrays")
    if data.view is not None:
        if not translated:
            raise ValueError(f"view={data.view.name} is {for_translation}: leave it out")
        if data.own_sources:
            raise ValueError(f"view={data.view.name} makes sources, and {data.name} has its own: leave it out")
        if data.view.scale > 1 and "smaller sources" not in translated:
            raise ValueError(
                f"view={data.view.name} makes smaller sources, for model=srresnet, srgan, rrdb or esrgan: use "
                "view=low_resolution"
            )
        needs.append((f"view={data.view.name}", data.view.needs, "Leave view= out"))
    if "condition" in config and config.condition.labels:
        needs.append(("the condition", frozenset({"labels"}), "Leave condition= out"))
    if has_scores(config):
        extractor = get_object(config.metrics.extractor._target_)
        needs.append((f"the extractor {extractor.name}", extractor.needs, f"Use metrics={OTHER_METRICS[data.kind]}"))
    if "labels" in getattr(system, "needs", ()):
        named = "data=folder with a folder for each domain, or any " if needs_domains(config) else ""
        needs.append((f"the system {system.__name__}", frozenset({"labels"}), f"Use {named}data with classes"))
    if data.labels is not None and system is not None and not issubclass(system, SemiSupervisedGAN):
        raise ValueError(
            f"data.labels={data.labels} is for a classifier that learns from few: use system=semi_supervised, or leave "
            "it out"
        )
    if "loss" in config and config.loss.get("likelihood") == "bernoulli":
        needs.append(("loss.likelihood=bernoulli", frozenset({"images"}), "Use loss.likelihood=gaussian"))
    for name, node in (config.get("regularizers") or {}).items():
        needs.append((f"the regularizer {name}", get_object(node._target_).needs, "Leave regularizer= out"))
    for name, node in (config.get("content") or {}).items():
        needed = get_object(node.extractor._target_).needs if "extractor" in node else frozenset()
        needs.append((f"content={name}", needed, "Use content=[pixels] or content=[self_supervised]"))
    if config.get("augment") is not None:
        augment = get_object(config.augment._target_)
        needs.append((f"the augmentation {augment.__name__}", augment.needs, "Leave augment= out"))
    for part, needed, advice in needs:
        for missing in sorted(needed - data.gives):
            what, why = ("class labels", data.why_unlabelled) if missing == "labels" else (missing, "")
            raise ValueError(f"{part} needs {what}, and {data.name} has none{why}. {advice}")


def needs_domains(config: DictConfig) -> bool:
    """Whether the system translates between the classes of the data."""
    return "_target_" in config.get("system", ()) and issubclass(get_object(config.system._target_), StarGAN)


def refuse_other_scales(system: System, data: InMemoryData) -> None:
    """A generator enlarges by as much as the view makes its sources smaller."""
    if isinstance(system, Regression | SuperResolution) and data.view is not None:
        scale = getattr(system.generator, "scale", 1)
        if scale != data.view.scale:
            raise ValueError(
                f"the generator enlarges {scale} times, and view.scale={data.view.scale}: leave out "
                "model.generator.scale=, or choose model=srresnet, srgan, rrdb or esrgan"
            )


def refuse_few_held_out(config: DictConfig, data: InMemoryData) -> None:
    """Scores compare with two images at least; without scores one is shown beside the samples, made of one source."""
    kinds = [("images", 2 if has_scores(config) else 1, data.train_split, data.held_out_split)]
    if data.train_sources is not None and data.held_out_sources is not None:
        kinds.append(("sources", 1, data.train_sources, data.held_out_sources))
    for kind, needed, train, rest in kinds:
        held_out, count = len(rest.images), len(rest.images) + len(train.images)
        if held_out < needed:
            raise ValueError(
                f"data.held_out={config.data.held_out} of the {count} {kind} of {data.name} are {held_out}, and "
                f"{needed} must be held out: use more {kind}, or a larger data.held_out"
            )
        if held_out == count:
            raise ValueError(
                f"data.held_out={config.data.held_out} of the {count} {kind} of {data.name} are all of them"
            )


def has_scores(config: DictConfig) -> bool:
    """False with metrics=none, whose extractor names no class."""
    extractor = config.metrics.extractor
    return extractor is not None and not (OmegaConf.is_dict(extractor) and "_target_" not in extractor)


def needs_classes(config: DictConfig) -> bool:
    """Whether networks are built for the number of the data's classes."""
    return config.condition.labels or "labels" in getattr(get_object(config.system._target_), "needs", ())


def refuse_unused_labels(system: System, config: DictConfig, data: InMemoryData) -> None:
    """With a condition every player must take labels, and not for something else."""
    if config.condition.labels and needs_domains(config):
        raise ValueError(f"the system {type(system).__name__} takes labels for domains: leave condition= out")
    for player in system.players if config.condition.labels else ():
        layers = getattr(system, player).modules()
        if not any(getattr(layer, "num_classes", None) == data.num_classes for layer in layers):
            raise ValueError(f"the {player} of this model takes no labels. Leave condition= out")


def refuse_unread_codes(system: System) -> None:
    """Codes of the latent that nothing recovers would be noise of another kind."""
    latent = getattr(system, "latent", None)
    if latent is not None and latent.codes is not None and not any(isinstance(x, CodeHead) for x in system.modules()):
        raise ValueError(
            "model.latent.codes are read by the head of condition=codes alone: choose it, or leave them out"
        )


def refuse_unlearned_classes(system: System) -> None:
    """Classes that no label tells apart."""
    if not isinstance(system, SemiSupervisedGAN) and any(isinstance(x, ClassOrFake) for x in system.modules()):
        raise ValueError("condition=classes goes with system=semi_supervised: leave it out")


def refuse_scores_of_nothing(system: System, config: DictConfig, data: InMemoryData) -> None:
    """What starts from images, and is no translator, makes nothing that could be scored."""
    translates = bool(data.gives & set(WITH_SOURCES)) or isinstance(system, StarGAN)
    if has_scores(config) and system.sampler().latent is None and not translates:
        raise ValueError(
            f"metrics= scores what is drawn from noise or translated, and {type(system).__name__} makes neither: use "
            "metrics=none"
        )


def refuse_uneven_ranks(data: InMemoryData, trainer: lightning.Trainer, system: System) -> None:
    if data.batch_size % trainer.world_size:
        raise ValueError(
            f"data.batch_size={data.batch_size} is shared among all processes: it must be a multiple of their number, "
            f"{trainer.world_size}"
        )
