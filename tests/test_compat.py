"""Every private name of a library still does what it is used for."""

import signal
from typing import Any

import lightning
import optuna
import torch
from lightning.pytorch.demos.boring_classes import BoringModel
from torch import nn

from ganforge.compat.hydra import argument_parser
from ganforge.compat.lightning import (
    MultiProcessingLauncher,
    SubprocessScriptLauncher,
    leave_signals_alone,
    table_of_hyperparameters,
)
from ganforge.compat.optuna import live
from ganforge.compat.python import is_protocol
from ganforge.compat.torch import BatchNorm, lerp_each_, unscale_before_step
from ganforge.interfaces import Penalty
from ganforge.regularizers.gradient_penalties import R1

QUIET: dict[str, Any] = {
    "accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
    "enable_model_summary": False,
}  # fmt: skip


def test_hydras_parser_tells_its_flags_from_overrides() -> None:
    arguments = argument_parser().parse_intermixed_args(["seed=1", "--cfg", "job", "loss=wgan", "-m"])
    assert (arguments.overrides, arguments.cfg, arguments.multirun) == (["seed=1", "loss=wgan"], "job", True)


def test_launchers_say_how_processes_start() -> None:
    spawned = lightning.Trainer(**QUIET, devices=2, strategy="ddp_spawn")
    assert isinstance(spawned.strategy.launcher, MultiProcessingLauncher)
    repeated = lightning.Trainer(**QUIET, devices=2, strategy="ddp")
    assert isinstance(repeated.strategy.launcher, SubprocessScriptLauncher)
    assert lightning.Trainer(**QUIET, devices=1).strategy.launcher is None


def test_lightning_leaves_handlers_of_signals_as_they_are() -> None:
    seen = []

    class Looks(BoringModel):
        def on_train_start(self) -> None:
            seen.append(signal.getsignal(signal.SIGTERM))

    trainer = lightning.Trainer(**QUIET, max_steps=1, limit_val_batches=0)
    leave_signals_alone(trainer)
    before = signal.getsignal(signal.SIGTERM)
    trainer.fit(Looks())
    assert seen == [before]


def test_hyperparameters_are_flat_and_plain() -> None:
    values = {"images": 5, "loss": {"n_critic": 2, "penalties": [1.0, {"weight": None}]}}
    table = table_of_hyperparameters(values)
    assert (table["images"], table["loss/n_critic"]) == (5, 2)
    assert all(isinstance(value, int | float | str | bool) for value in table.values())


def test_a_fused_step_finds_gradients_without_the_scale() -> None:
    for told in (False, True):
        weight = nn.Parameter(torch.tensor([1.0]))
        optimizer = torch.optim.SGD([weight], lr=1.0, fused=True)
        if told:
            unscale_before_step(optimizer)
        seen: list[float] = []
        optimizer.register_step_pre_hook(lambda *_, seen=seen, weight=weight: seen.append(weight.grad.item()))
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        scaler.scale(weight.sum()).backward()
        scaler.step(optimizer)
        assert seen == [1.0 if told else 8.0]
        assert weight.item() == 0.0


def test_each_tensor_moves_by_its_share_to_its_target() -> None:
    averages, targets = [torch.zeros(2), torch.ones(3)], [torch.ones(2), torch.full((3,), 5.0)]
    lerp_each_(averages, targets, 0.25)
    assert [average.tolist() for average in averages] == [[0.25] * 2, [2.0] * 3]


def test_every_batch_norm_is_one() -> None:
    assert all(issubclass(kind, BatchNorm) for kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm))
    assert not issubclass(nn.InstanceNorm2d, BatchNorm)


def test_scores_are_reported_to_a_trial_that_was_stored() -> None:
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING))
    live(study, study.get_trials()[0]).report(0.5, 100)
    assert study.get_trials()[0].intermediate_values == {100: 0.5}


def test_a_protocol_is_told_from_what_meets_it() -> None:
    assert is_protocol(Penalty)
    assert not is_protocol(R1)
    assert not is_protocol(nn.Module)
