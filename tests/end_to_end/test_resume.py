"""Runs that are killed, stopped, or damaged, and go on."""

import json
import random
import re
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from ..conftest import TINY
from .runs import SMALL, differences, end_session, finish, records, scalars, start, train, wait_for

ROUNDS, STEPS = 200, 50
FAULTS = {
    "in a discriminator's turn": ("ganforge.systems.gan:GANModule.discriminator_terms", 70, "SIGKILL"),
    "in a generator's turn": ("ganforge.systems.gan:GANModule.generator_terms", 130, "SIGKILL"),
    "in an evaluation": ("ganforge.scoring.evaluator:Evaluator.score", 4, "SIGKILL"),
    "between the scores and their checkpoint": ("ganforge.callbacks.evaluation:append_line", 2, "SIGKILL+"),
    "while a checkpoint is written": ("ganforge.artifacts.checkpoints:torch.save", 3, "SIGKILL+"),
    "before the first checkpoint has its name": ("ganforge.callbacks.checkpoints:rotate", 1, "SIGKILL"),
    "before a checkpoint has its name": ("ganforge.callbacks.checkpoints:rotate", 3, "SIGKILL"),
    "after a checkpoint has its name": ("ganforge.callbacks.checkpoints:rotate", 3, "SIGKILL+"),
    "at the last round": ("ganforge.callbacks.clock:Budget.on_train_batch_end", STEPS + 1, "SIGKILL"),
    "after the last round": ("ganforge.callbacks.curves:Curves.on_train_end", 1, "SIGKILL+"),
    "in the summary": ("ganforge.launch.run:show_summary", 1, "SIGKILL"),
    "told to stop in a turn": ("ganforge.systems.gan:GANModule.generator_terms", 77, "SIGTERM"),
    "told to stop in an evaluation": ("ganforge.scoring.evaluator:to_uint8", 2, "SIGTERM"),
    "told to stop at the last round": ("ganforge.systems.gan:GANModule.generator_terms", ROUNDS, "SIGTERM"),
}
"""Where a run is struck; see fault.py."""
AUTOENCODER = [*TINY["vae"], *SMALL[len(TINY["mlp"]) :], "callbacks.bounds.images=20"]
FAULTS_OF_AN_AUTOENCODER = {
    "in a turn": ("ganforge.systems.vae:VAE.terms", 70, "SIGKILL"),
    "between the bounds and their checkpoint": ("ganforge.callbacks.bounds:write", 2, "SIGKILL+"),
    "told to stop in an evaluation, after the bounds": FAULTS["told to stop in an evaluation"],
    "told to stop while bounds are computed": ("ganforge.callbacks.bounds:log_mean_exp", 7, "SIGTERM"),
}


def uninterrupted(folder: Path, words: list[str]) -> Path:
    code, _, errors = train(folder, *words)
    assert code == 0, errors
    return folder


def struck_and_resumed(whole: Path, run: Path, words: list[str], fault: tuple[str, int, str]) -> int:
    """The exit code of a run with a fault; it goes on to the same end as `whole`, bit for bit."""
    struck, _, _ = train(run, *words, fault=fault)
    code, _, errors = train(run, f"resume={run}")
    assert (code, errors) == (0, "")
    assert list(differences(whole, run)) == []
    return struck


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    return uninterrupted(tmp_path_factory.mktemp("whole") / "run", SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("moment", FAULTS)
def test_struck_run_goes_on_to_the_same_end(whole: Path, tmp_path: Path, moment: str) -> None:
    run = tmp_path / "run"
    code = struck_and_resumed(whole, run, SMALL, FAULTS[moment])
    assert code in (-signal.SIGKILL, 143) or "last round" in moment
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


@pytest.fixture(scope="module")
def whole_autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uninterrupted(tmp_path_factory.mktemp("whole") / "run", AUTOENCODER)


@pytest.mark.slow
@pytest.mark.parametrize("moment", FAULTS_OF_AN_AUTOENCODER)
def test_struck_autoencoder_goes_on_to_the_same_end(whole_autoencoder: Path, tmp_path: Path, moment: str) -> None:
    code = struck_and_resumed(whole_autoencoder, tmp_path / "run", AUTOENCODER, FAULTS_OF_AN_AUTOENCODER[moment])
    assert code in (-signal.SIGKILL, 143)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "players"), [("pix2pix", "Pix2Pix"), ("cyclegan", "CycleGAN"), ("stargan", "StarGAN")]
)
def test_a_struck_translation_goes_on_to_the_same_end(tmp_path: Path, name: str, players: str) -> None:
    """With its dropout, its pools of fakes, or its targets; in a turn, and asked to stop while it is scored."""
    words = [*TINY[name], *SMALL[len(TINY["mlp"]) :], *(["loss.n_critic=1"] if name == "stargan" else [])]
    whole = uninterrupted(tmp_path / "whole", words)
    turn = (f"ganforge.systems.{name}:{players}.generator_terms", 130, "SIGKILL")
    assert struck_and_resumed(whole, tmp_path / "turn", words, turn) == -signal.SIGKILL
    assert struck_and_resumed(whole, tmp_path / "scores", words, FAULTS["told to stop in an evaluation"]) == 143


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "players"), [("srresnet", "Regression.terms"), ("esrgan", "SuperResolution.generator_terms")]
)
def test_struck_super_resolution_goes_on_to_the_same_end(tmp_path: Path, name: str, players: str) -> None:
    """With the features of a network that no checkpoint holds."""
    words = [*TINY[name], *SMALL[len(TINY["mlp"]) :], "content=[pixels,classifier]"]
    words += ["content.classifier.extractor.epochs=1"]
    whole = uninterrupted(tmp_path / "whole", words)
    turn = (f"ganforge.systems.super_resolution:{players}", 130, "SIGKILL")
    assert struck_and_resumed(whole, tmp_path / "turn", words, turn) == -signal.SIGKILL


@pytest.mark.slow
def test_a_struck_classifier_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """In the round before which its weights start from data, in a later one, and between its error and a checkpoint."""
    words = [*TINY["improved_gan"], "data.labels=20", *SMALL[len(TINY["mlp"]) :]]
    whole = uninterrupted(tmp_path / "whole", words)
    turn = "ganforge.systems.semi_supervised:SemiSupervisedGAN.class_terms"
    for name, fault in {
        "first": (turn, 1, "SIGKILL"),
        "later": (turn, 130, "SIGKILL"),
        "error": ("ganforge.callbacks.test_error:write", 2, "SIGKILL+"),
    }.items():
        assert struck_and_resumed(whole, tmp_path / name, words, fault) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize(("name", "terms"), [("bigan", "BiGAN.generator_terms"), ("ganomaly", "GANomaly.draw")])
def test_what_has_learned_what_is_normal_goes_on_to_the_same_end(tmp_path: Path, name: str, terms: str) -> None:
    """In a turn, and asked to stop while anomalies are told."""
    words = [*TINY[name], *SMALL[len(TINY["mlp"]) :], "data.normal=[0,1]"]
    whole = uninterrupted(tmp_path / "whole", words)
    strike = (f"ganforge.systems.{name}:{terms}", 130, "SIGKILL")
    assert struck_and_resumed(whole, tmp_path / "turn", words, strike) == -signal.SIGKILL
    told = ("ganforge.callbacks.detection:detected", 9, "SIGTERM")
    assert struck_and_resumed(whole, tmp_path / "told", words, told) == 143


@pytest.mark.slow
def test_an_encoder_goes_on_for_the_generator_it_began_with(tmp_path: Path) -> None:
    """The other run is gone by then."""
    budget = [*SMALL[len(TINY["mlp"]) :], "data.normal=0", "model.generator.width=2"]
    uninterrupted(tmp_path / "gan", ["model=dcgan", "loss=wgan_gp", "metrics=none", *budget])
    words = ["model=f_anogan", *budget, f"init_from={tmp_path / 'gan'}"]
    whole = uninterrupted(tmp_path / "whole", words)
    strike = ("ganforge.systems.f_anogan:FAnoGAN.terms", 130, "SIGKILL")
    assert train(tmp_path / "run", *words, fault=strike)[0] == -signal.SIGKILL
    (tmp_path / "gan").rename(tmp_path / "gone")
    assert train(tmp_path / "run", f"resume={tmp_path / 'run'}")[::2] == (0, "")
    assert list(differences(whole, tmp_path / "run")) == []


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["auxiliary", "codes"])
def test_terms_of_both_players_go_on_to_the_same_end(tmp_path: Path, condition: str) -> None:
    words = [*SMALL, f"condition={condition}"]
    whole = uninterrupted(tmp_path / "whole", words)
    struck_and_resumed(whole, tmp_path / "run", words, FAULTS["in a generator's turn"])


@pytest.mark.slow
@pytest.mark.parametrize("turn", [45, 90, 130])
def test_networks_go_on_growing_where_they_were(tmp_path: Path, turn: int) -> None:
    """Struck in a fade, between two, and in the last one. The first round after the checkpoint that the run then starts
    from is that in which the first fade begins (1,280 images), in which it ends (2,560), or neither (3,840)."""
    words = [*TINY["progan"], *SMALL[len(TINY["mlp"]) :], "loss.n_critic=1", "system.growth.stable=1248"]
    words += ["system.growth.fade=1312", "system.growth.batch_multiples=[2]"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    uninterrupted(whole, words)
    strike = ("ganforge.systems.gan:GANModule.discriminator_terms", turn, "SIGKILL")
    assert struck_and_resumed(whole, run, words, strike) == -signal.SIGKILL
    levels = [level for _, level in scalars(run)["growth/level"]]
    assert levels == sorted(levels) and levels[-1] == 2 and any(0 < level < 1 for level in levels)


@pytest.mark.slow
def test_an_adaptive_augmentation_goes_on_with_its_p(tmp_path: Path) -> None:
    """p moves every three turns; the fault strikes between two of its moves."""
    words = [*SMALL, "augment=ada", "augment.every=96", "augment.ramp=10_000", "logger=tensorboard"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    uninterrupted(whole, words)
    struck_and_resumed(whole, run, words, FAULTS["in a discriminator's turn"])
    assert len({p for _, p in scalars(run)["augment/p"]}) > 10


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_killed_at_random_moments_ends_the_same(whole: Path, tmp_path: Path, seed: int) -> None:
    """Once, and in the slow tests up to five times; a moment may fall into the preparations or behind the end."""
    luck, run = random.Random(seed), tmp_path / "run"
    process = start(run, *SMALL)
    wait_for((run / "samples" / "000000000.png").exists, process)
    for _ in range([1, 2, 3, 5][seed]):
        time.sleep(luck.uniform(0, 1.5))
        end_session(process)
        process = start(run, f"resume={run}")
        time.sleep(luck.uniform(0, 6) if seed else 0)
    code, _output, _ = finish(process)
    assert code == 0
    assert list(differences(whole, run)) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("SIGTERM", 143), *(pytest.param(*case, marks=pytest.mark.slow) for case in (("SIGINT", 130), ("SIGUSR1", 138)))],
)
def test_a_signal_saves_first_and_says_how_to_go_on(tmp_path: Path, name: str, code: int) -> None:
    run = tmp_path / "run"
    process = start(
        run,
        *SMALL,
        "images=1_000_000",
        "evaluate_every=500_000",
    )
    wait_for((run / "samples" / "000000000.png").exists, process)
    time.sleep(1)
    process.send_signal(signal.Signals[name])
    returned, _, errors = finish(process)
    assert returned == code
    stopped = re.fullmatch(rf"stopped by {name} at ([\d,]+) images, and saved\ngo on with: .* resume=run\n", errors)
    assert stopped, errors
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["progress"]["images_seen"] == int(stopped[1].replace(",", ""))
    assert json.loads((run / "status.json").read_text())["state"] == "interrupted"


@pytest.fixture
def stopped(whole: Path, tmp_path: Path) -> Path:
    """A copy of the whole run as it was before its last checkpoint, which can be damaged at will."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "status.json").unlink()
    return run


def test_damaged_checkpoint_is_named_and_the_one_before_it_is_used(whole: Path, stopped: Path) -> None:
    last = stopped / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    with zipfile.ZipFile(last) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    content[largest.header_offset + largest.file_size // 2] ^= 1
    last.unlink()
    last.write_bytes(content)
    code, output, errors = train(stopped, f"resume={stopped}")
    assert code == 0
    assert re.fullmatch(r"warning: .*checkpoints/last.ckpt is damaged: its checksums are wrong\n", errors)
    assert "going on at 5,120 of 6,400 images" in output
    assert list(differences(whole, stopped)) == []


def test_without_a_whole_checkpoint_nothing_is_touched(stopped: Path) -> None:
    for name in ("last", "previous"):
        file = stopped / "checkpoints" / f"{name}.ckpt"
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content[:1000])
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file() and "lock" not in path.name}
    code, _, errors = train(stopped, f"resume={stopped}")
    assert code == 2
    assert "error: no checkpoint in" in errors.splitlines()[-1]
    assert {path: path.read_bytes() for path in before if path.name != "status.json"} == before


@pytest.mark.slow
def test_finished_run_says_so_and_a_larger_budget_goes_on(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    assert train(run, f"resume={run}")[:2] == (
        0, "run is complete: 6,400 images were asked for. Go on with a larger images=\n",
    )  # fmt: skip
    code, _output, errors = train(run, f"resume={run}", "images=7680")
    assert (code, errors) == (0, "")
    straight = tmp_path / "straight"
    assert train(straight, *SMALL, "images=7680")[0] == 0
    assert list(differences(straight, run)) == []


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["loss.n_critic=2"], "loss.n_critic: 1 -> 2"),
        (["seed=3"], "seed: 0 -> 3"),
        (["loss=hinge"], "losses.adversarial.NonSaturating -> ganforge.losses.adversarial.Hinge"),
        (["trainer.precision=bf16-mixed"], "trainer.precision: 32-true -> bf16-mixed"),
    ],
)
def test_what_would_make_it_another_run_is_refused_and_shown(stopped: Path, words: list[str], shown: str) -> None:
    code, _, errors = train(stopped, f"resume={stopped}", *words)
    assert code == 2
    assert "resume= cannot change what is trained" in errors
    assert shown in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.slow
def test_cadence_logger_and_hardware_may_change(stopped: Path) -> None:
    changes = ["images=6912", "log_every=256", "logger=csv", "trainer.detect_anomaly=true", "save_every=640"]
    code, _, errors = train(stopped, f"resume={stopped}", *changes)
    assert (code, errors) == (0, "")
    assert records(stopped)[-1]["images_seen"] == 6912
    steps = [int(line.split(",")[0]) for line in (stopped / "csv" / "metrics.csv").read_text().splitlines()[1:]]
    assert steps == sorted(steps)
    assert {128, 6400, 6656, 6912} <= set(steps)
    assert 6400 in dict(scalars(stopped)["generator/adversarial"])


@pytest.mark.slow
def test_latest_is_the_run_that_was_written_to_last(stopped: Path, tmp_path: Path) -> None:
    home = tmp_path / "outputs" / "train"
    for name in ("old", "new"):
        shutil.copytree(stopped, home / name)
        time.sleep(0.02)
        (home / name / "status.json").write_text('{"state": "finished", "images_seen": 6400}')
    code, output, _ = train(tmp_path / "run", "resume=latest")
    assert (code, output.split()[0]) == (0, "outputs/train/new")


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    assert train(tmp_path / "run", "resume=nowhere")[::2] == (
        2, "error: resume=nowhere: no run or sweep is there (a run folder has .hydra/config.yaml)\n",
    )  # fmt: skip
    assert "there is no run in" in train(tmp_path / "run", "resume=latest")[2]


def test_a_run_is_trained_by_one_process_at_a_time(stopped: Path) -> None:
    process = start(stopped, f"resume={stopped}", "images=1_000_000")
    wait_for((stopped / "status.json").exists, process)
    code, _, errors = train(stopped, f"resume={stopped}")
    end_session(process)
    assert code == 2
    assert "is being trained by another process" in errors


@pytest.mark.slow
def test_divergence_rolls_back_three_times_at_most(tmp_path: Path) -> None:
    run = tmp_path / "run"
    wild = ["training.on_nan=rollback", "optimizer.discriminator.lr=1e30", "loss=wgan", "constraint=none"]
    code, _, errors = train(run, *SMALL, *wild)
    assert code == 2
    warnings = [line for line in errors.splitlines() if line.startswith("warning: ")]
    assert [re.search(r"\((\d) of 3\)", line)[1] for line in warnings] == ["1", "2", "3"]
    assert errors.splitlines()[-1].startswith("error: discriminator: the term adversarial is")
    rollbacks = [json.loads(line) for line in (run / "rollbacks.jsonl").read_text().splitlines()]
    assert [line["learning_rates"] for line in rollbacks] == ["times 0.5", "times 0.25", "times 0.125"]


@pytest.mark.slow
def test_rollback_returns_to_the_last_good_checkpoint_with_other_noise(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    spoiled = ("ganforge.systems.gan:GANModule.play_round", 100, "nan")
    code, _, errors = train(run, *SMALL, "training.on_nan=rollback", fault=spoiled)
    assert code == 0
    assert "Back to 2,560 images with half the learning rates (1 of 3)" in errors
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert [state["param_groups"][0]["lr"] for state in checkpoint["optimizer_states"]] == [2.5e-4, 2.5e-4]
    undisturbed, rolled_back = (scalars(folder)["generator/adversarial"] for folder in (whole, run))
    before = 2560 // 128
    assert undisturbed[:before] == rolled_back[:before]
    assert all(one != two for one, two in zip(undisturbed[before:], rolled_back[before:], strict=True))
    assert [line["images_seen"] for line in records(run)] == [1280, 2560, 3840, 5120, 6400]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_full_disk_stops_with_a_message_and_goes_on_when_there_is_room(whole: Path, small_disk: Path) -> None:
    """`$TMPDIR` is on another file system all the while."""
    run, ballast = small_disk / "run", small_disk / "ballast"
    process = start(run, *SMALL)
    wait_for((run / "checkpoints" / "last.ckpt").exists, process)
    with suppress(OSError):
        ballast.write_bytes(bytes(4 * 2**20))
    code, _, errors = finish(process)
    assert code == 2
    assert re.fullmatch(r"error: .*No space left on device.*\n", errors), errors
    assert not [file.name for file in run.rglob(".*.ckpt.*")], "half a checkpoint is left"
    ballast.unlink()
    assert train(run, f"resume={run}")[::2] == (0, "")
    assert list(differences(whole, run)) == []
