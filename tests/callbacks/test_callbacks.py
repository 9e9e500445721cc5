"""When callbacks act, in images seen, and what they leave behind."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from omegaconf import DictConfig

from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.evaluation import Evaluation
from ganforge.callbacks.health import refuse_divergence
from ganforge.callbacks.interruption import Interruption
from ganforge.callbacks.status import Status
from ganforge.configuration.build import Experiment, build
from ganforge.faults import Diverged, Stopped
from ganforge.metrics.features import Features
from ganforge.process.signals import asking

from ..conftest import TINY

Compose = Callable[..., DictConfig]


def experiment(composed: Compose, *overrides: str) -> Experiment:
    quick = [
        "metrics=none",
        "logger=none",
        "data.image_size=16",
        "data.batch_size=8",
        "callbacks.samples.count=4",
    ]
    return build(composed(*TINY["mlp"], *quick, *overrides))


class Times(Periodic):
    def __init__(self, every: int) -> None:
        super().__init__(every)
        self.times: list[int] = []

    def due(self, trainer: Trainer, module: LightningModule) -> None:
        self.times.append(module.progress.images_seen)


@pytest.mark.parametrize(
    ("every", "expected"),
    [(16, [16, 32, 48, 64]), (20, [24, 40, 64]), (1, [8, 16, 24, 32, 40, 48, 56, 64]), (1000, [64])],
)
def test_periodic_fires_when_the_clock_passes_a_multiple_and_at_the_end(
    composed: Compose, every: int, expected: list[int]
) -> None:
    run, times = experiment(composed, "images=64"), Times(every)
    run.trainer.callbacks.append(times)
    run.fit()
    assert times.times == expected


@pytest.mark.parametrize(("images", "seen"), [(64, 64), (65, 72), (1, 8)])
def test_budget_ends_the_run_at_the_first_whole_round(composed: Compose, images: int, seen: int) -> None:
    run = experiment(composed, f"images={images}")
    run.fit()
    assert run.system.progress.images_seen == seen


class Impatient(Callback):
    """Ends a run as Lightning's own limits do."""

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize(("limits", "state", "seen"), [([], "finished", 128), ([Impatient()], "ended", 64)])
def test_a_run_is_finished_only_when_its_budget_is_spent(
    composed: Compose, tmp_path: Path, limits: list[Callback], state: str, seen: int
) -> None:
    run = experiment(composed, "images=128")
    run.trainer.callbacks = [Status(tmp_path / "status.json", {"number": 3}, 128), *run.trainer.callbacks, *limits]
    run.fit()
    status = json.loads((tmp_path / "status.json").read_text())
    assert status == {"number": 3, "state": state, "images_seen": seen}


class Poison(Callback):
    """Ruins a weight at a given time."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        if module.progress.images_seen >= self.at:
            next(module.discriminator.parameters()).data.fill_(float("nan"))


def test_last_good_checkpoint_stays_when_a_run_diverges(composed: Compose, tmp_path: Path) -> None:
    run = experiment(composed, "images=640", "evaluate_every=64", "log_every=32")
    run.trainer.callbacks.insert(0, Poison(at=128))
    with pytest.raises(Diverged, match=r"the term adversarial is nan after 160 images"):
        run.fit()
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["progress"]["images_seen"] == 128
    assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())


@pytest.mark.parametrize(("stopped", "raised"), [(None, Diverged), (signal.SIGTERM, Stopped)])
def test_a_ruined_weight_is_never_saved(
    composed: Compose, tmp_path: Path, stopped: signal.Signals | None, raised: type[Exception]
) -> None:
    """Neither when it is time for a checkpoint, nor because a signal ends the run."""
    run = experiment(composed, "images=128", "evaluate_every=64", "log_every=1000")
    original = run.system.training_step

    def then_ruin(*args: Any) -> None:
        original(*args)
        next(run.system.generator.parameters()).data.fill_(float("inf"))
        run.system.progress.latest.clear()
        run.system.stop_signal = stopped

    run.system.training_step = then_ruin
    with pytest.raises(raised):
        run.fit()
    assert not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


def test_only_a_term_or_a_weight_says_that_a_run_diverged(composed: Compose) -> None:
    """A gradient norm is infinite whenever a loss scale was too high, which mends itself."""
    system = experiment(composed).system
    infinite = torch.tensor(torch.inf)
    system.progress.latest = {"gradient_norm/generator": infinite, "logits/real": infinite}
    refuse_divergence(system)
    system.progress.latest["generator/adversarial"] = torch.tensor(torch.inf)
    with pytest.raises(Diverged, match="the term adversarial is inf"):
        refuse_divergence(system)
    del system.progress.latest["generator/adversarial"]
    next(system.generator.parameters()).data.fill_(torch.nan)
    with pytest.raises(Diverged, match=r"the weight generator\."):
        refuse_divergence(system)


def test_signals_are_handled_as_before_once_a_run_is_over(composed: Compose) -> None:
    run, interruption = experiment(composed), Interruption(every=8)
    before = [signal.getsignal(number) for number in asking()]
    interruption.on_train_start(run.trainer, run.system)
    signal.raise_signal(signal.SIGTERM)
    assert run.system.stop_signal == signal.SIGTERM
    interruption.teardown(run.trainer, run.system, "fit")
    assert [signal.getsignal(number) for number in asking()] == before


def test_fakes_of_all_processes_are_scored_once_in_the_order_of_their_latents() -> None:
    """Five fakes for two processes: each has three, and the last of the second is one too many."""
    mine = torch.tensor([[0.0, 0.5], [2.0, 2.5], [4.0, 4.5]])
    evaluator: Any = SimpleNamespace(
        images=5,
        sample_from="ema",
        fakes=lambda *_: [],
        numbers=lambda *_: [],
        features=lambda *_: Features(mine, mine[:, :1], mine[:, 1:]),
    )
    strategy = SimpleNamespace(all_gather=lambda part: torch.stack([part, part + 1]))
    together: Any = SimpleNamespace(world_size=2, global_rank=0, strategy=strategy)
    module: Any = SimpleNamespace(device=torch.device("cpu"), sampler=lambda weights: None)
    found = Evaluation(8, evaluator, "run")._fakes(together, module)
    assert found.features.tolist() == [[n, n + 0.5] for n in range(5)]
    assert found.logits.tolist() == [[n] for n in range(5)]
    assert found.agreement.tolist() == [[n + 0.5] for n in range(5)]


@pytest.mark.parametrize(("rank", "expected"), [(0, ["prepare", "barrier"]), (1, ["barrier", "prepare"])])
def test_one_process_fills_the_cache_and_the_others_read_it(rank: int, expected: list[str]) -> None:
    happened: list[str] = []
    evaluator: Any = SimpleNamespace(
        prepare=lambda *_: happened.append("prepare"), statistics="running", sample_from="ema", stamp={}
    )
    strategy = SimpleNamespace(barrier=lambda: happened.append("barrier"))
    trainer: Any = SimpleNamespace(is_global_zero=rank == 0, strategy=strategy, datamodule=None)
    module: Any = SimpleNamespace(device=torch.device("cpu"), sampler=lambda _: None, stamp=dict)
    Evaluation(8, evaluator, "run").on_fit_start(trainer, module)
    assert happened == expected


class Judge(Periodic):
    """Gives these scores, one after the other."""

    def __init__(self, every: int, scores: list[float]) -> None:
        super().__init__(every)
        self.scores = iter(scores)

    def due(self, trainer: Trainer, module: LightningModule) -> None:
        module.progress.scores, module.progress.scored_at = {"fid": next(self.scores)}, module.progress.images_seen


def test_processes_that_train_together_stop_at_the_same_round(composed: Compose) -> None:
    """They ask one another when the clock passes a multiple of `every`, and all stop if one was told to."""
    system, interruption, asked = experiment(composed).system, Interruption(every=64), []

    def told(mine: bool, all: bool) -> bool:
        asked.append((system.progress.images_seen, mine, all))
        return system.progress.images_seen >= 128

    strategy = SimpleNamespace(launcher=None, reduce_boolean_decision=told)
    together: Any = SimpleNamespace(world_size=2, should_stop=False, strategy=strategy)
    for system.progress.images_seen in (32, 64, 96):
        interruption.on_train_batch_end(together, system)
    system.progress.images_seen = 128
    with pytest.raises(Stopped) as stopped:
        interruption.on_train_batch_end(together, system)
    assert asked == [(64, False, False), (128, False, False)]
    assert stopped.value.args == Stopped(signal.SIGTERM, 128).args


def test_logits_and_norms_are_measured_only_in_rounds_that_are_logged(composed: Compose) -> None:
    run, measured = experiment(composed, "images=64", "log_every=32"), []
    remember = run.system.remember

    def spy(values: dict[str, Any]) -> None:
        remember(values)
        if "logits/real" in values:
            measured.append(run.system.progress.images_seen)

    run.system.remember = spy
    run.fit()
    assert measured == [24, 56], "the round of eight images that reaches 32, and that which reaches 64"


def test_a_resumed_run_first_does_what_was_due_when_it_stopped(composed: Compose, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    experiment(composed, "images=64", "evaluate_every=32").fit()
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    for callback in checkpoint["callbacks"].values():
        callback["last"] = 32
    torch.save(checkpoint, tmp_path / "killed.ckpt")
    for file in (*folder.glob("samples/*"), folder / "checkpoints" / "last.ckpt"):
        file.unlink()
    experiment(composed, "images=72", "evaluate_every=32").fit(tmp_path / "killed.ckpt")
    assert sorted(file.name for file in folder.glob("samples/*")) == ["000000064.png", "000000072.png"]
    assert torch.load(folder / "checkpoints" / "previous.ckpt", weights_only=True)["progress"]["images_seen"] == 64


def test_a_resumed_run_knows_its_best(composed: Compose, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    for images, judged in ((128, [1.0, 2.0]), (192, [1.5])):
        run = experiment(composed, f"images={images}", "evaluate_every=64")
        (checkpoints,) = [c for c in run.trainer.callbacks if type(c).__name__ == "Checkpoints"]
        checkpoints.monitor = "fid"
        run.trainer.callbacks.insert(0, Judge(64, judged))
        run.fit(folder / "last.ckpt" if images > 128 else None)
        assert torch.load(folder / "best.ckpt", weights_only=True)["progress"]["images_seen"] == 64


@pytest.mark.parametrize("killed", ["last", "next"])
def test_a_best_checkpoint_that_was_not_copied_in_time_is_copied_by_the_resumed_run(
    composed: Compose, tmp_path: Path, killed: str
) -> None:
    """Before the copy, or before the checkpoint itself had its name."""
    folder = tmp_path / "run"
    for images in (64, 72):
        run = experiment(composed, f"images={images}", "evaluate_every=64")
        (checkpoints,) = [c for c in run.trainer.callbacks if type(c).__name__ == "Checkpoints"]
        checkpoints.monitor = "fid"
        run.trainer.callbacks.insert(0, Judge(64, [1.0]))
        run.fit(folder / "checkpoints" / f"{killed}.ckpt" if images > 64 else None)
        assert torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["progress"]["images_seen"] == 64
        assert (checkpoints.best, checkpoints.best_at) == (1.0, 64)
        for file in (folder / "checkpoints" / "best.ckpt", folder / "generator.safetensors"):
            file.unlink()
        (folder / "checkpoints" / "last.ckpt").replace(folder / "checkpoints" / f"{killed}.ckpt")
    assert torch.load(folder / "checkpoints" / "previous.ckpt", weights_only=True)["progress"]["images_seen"] == 64


@pytest.mark.parametrize(("mode", "judged"), [("min", [3.0, 1.0, 2.0]), ("max", [1.0, 3.0, 2.0])])
def test_best_is_kept_when_later_scores_are_worse(
    composed: Compose, tmp_path: Path, mode: str, judged: list[float]
) -> None:
    run = experiment(composed, "images=192", "evaluate_every=64")
    (checkpoints,) = [c for c in run.trainer.callbacks if type(c).__name__ == "Checkpoints"]
    checkpoints.monitor, checkpoints.mode = "fid", mode
    run.trainer.callbacks.insert(0, Judge(64, judged))
    run.fit()
    folder = tmp_path / "run" / "checkpoints"
    clocks = [torch.load(folder / f"{name}.ckpt", weights_only=True)["progress"] for name in ("best", "last")]
    assert [clock["images_seen"] for clock in clocks] == [128, 192]
    assert torch.load(folder / "previous.ckpt", weights_only=True)["progress"]["images_seen"] == 128
