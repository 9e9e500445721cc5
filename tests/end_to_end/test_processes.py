"""Several processes play the same game as one, and die together."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from ..conftest import TINY
from ..processes import ROOT, Process, born
from .runs import FORKED, SMALL, differences, finish, records, start, train, wait_for

EXACT = [
    "trainer.precision=64-true", "data.image_size=16", "data.batch_size=32", "images=320", "evaluate_every=160",
    "metrics.images=61", "metrics.extractor.epochs=1", "logger=none",
]  # fmt: skip
GAMES = {
    "critic turns and gradient penalty": [*TINY["mlp"], "loss=wgan_gp"],
    "accumulation, a lazy penalty": [
        *TINY["mlp"], "training.accumulate_grad_batches=2", "loss.penalties.r1.interval=2",
    ],
    "shared fakes, critic turns, accumulation": [
        *TINY["mlp"], "loss=wgan_gp", "loss.n_critic=2", "system.fakes=shared",
        "training.accumulate_grad_batches=2", "images=640",
    ],
    "an autoencoder": [*TINY["vae"], "training.accumulate_grad_batches=2", "images=640"],
    "batch norm over all processes": [*TINY["dcgan"], "loss=hinge", "trainer.sync_batchnorm=true"],
    "one stage": [*TINY["mlp"], "loss=r1", "system=one_stage"],
    "pairs": [
        *TINY["pix2pix"], "model.generator.dropout=0", "normalization.generator=instance",
        "normalization.discriminator=instance", "training.accumulate_grad_batches=2", "images=640",
    ],
    "super-resolution": [*TINY["esrgan"], "loss=hinge", "normalization.discriminator=instance", "images=640"],
    "two domains": [*TINY["cyclegan"], "system.pool_size=0", "loss=wgan_gp", "loss.n_critic=2"],
    "pairs of images and latents": [
        *TINY["bigan"], "normalization.generator=none", "normalization.discriminator=none", "loss=wgan_gp",
        "model.discriminator.dropout=0", "loss.n_critic=2",
    ],
    "latents of reconstructions": [*TINY["ganomaly"], "trainer.sync_batchnorm=true"],
    "several domains": [*TINY["stargan"], "loss.n_critic=2", "images=640", "training.accumulate_grad_batches=2"],
    "a classifier": [*TINY["mlp"], "condition=auxiliary", "loss=hinge", "images=640"],
    "codes": [*TINY["mlp"], "condition=codes", "images=640"],
    "few labels, weights that start from the first batch": [
        *TINY["improved_gan"], "data.labels=20", "model.discriminator.noise=0", "trainer.sync_batchnorm=true",
        "regularizer=[]", "system.generator_loss=1", "images=640",
    ],
    "all at once": [
        *TINY["dcgan"], "normalization.generator=none", "normalization.discriminator=none", "loss=wgan_gp",
        "loss.n_critic=2", "training.accumulate_grad_batches=2", "condition=projection",
    ],
}  # fmt: skip


def ranks(folder: Path, *words: str) -> list[dict]:
    code, _, errors = finish(born("tests.end_to_end.ranks", str(folder), *EXACT, *words, cwd=ROOT))
    assert code == 0, errors
    return [torch.load(file, weights_only=True) for file in sorted(folder.glob("[0-9].pt"))]


@pytest.mark.parametrize("game", [next(iter(GAMES)), *(pytest.param(g, marks=pytest.mark.slow) for g in [*GAMES][1:])])
def test_two_processes_compute_what_one_does(tmp_path: Path, game: str) -> None:
    (alone,) = ranks(tmp_path / "one", *GAMES[game])
    zero, one = ranks(tmp_path / "two", *GAMES[game], *FORKED)
    assert len(alone["gradients"]) == len(zero["gradients"]) >= 9
    for turn, (expected, found) in enumerate(zip(alone["gradients"], zero["gradients"], strict=True)):
        assert expected.abs().max() > 0
        assert torch.allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.abs().max()), f"turn {turn}"
    for name, weight in zero["weights"].items():
        assert torch.equal(weight, one["weights"][name]), name
    assert not torch.equal(zero["drawn"], one["drawn"]), "the ranks draw the same random numbers"
    assert zero["scores"] == pytest.approx(alone["scores"], rel=1e-6)
    assert zero["scores"] == one["scores"]


def test_batch_statistics_are_those_of_the_first_process(tmp_path: Path) -> None:
    """Each process normalises by its own images; what is kept of them, and drawn with, is the same everywhere."""
    zero, one = ranks(tmp_path / "two", *TINY["dcgan"], "loss=hinge", *FORKED)
    statistics = [name for name in zero["weights"] if "running_" in name]
    assert any(name.startswith("averaged.") for name in statistics)
    assert all(torch.equal(zero["weights"][name], one["weights"][name]) for name in zero["weights"])
    assert zero["scores"] == one["scores"]


def a_group(folder: Path) -> tuple[Process, list[int]]:
    """A run of two processes that has saved two checkpoints, and the two."""
    process = start(
        folder, *SMALL, "images=1_000_000", "save_every=128", "metrics.extractor.epochs=1", "trainer=ddp_cpu"
    )
    wait_for((folder / "checkpoints" / "previous.ckpt").exists, process)
    children = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True)
    members = [int(number) for number in children.stdout.split()]
    assert len(members) == 2
    return process, members


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return "(zombie)" in Path(f"/proc/{number}/status").read_text()


@pytest.mark.parametrize("member", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_when_one_is_killed_all_end_with_one_message(tmp_path: Path, member: int) -> None:
    process, members = a_group(tmp_path / "run")
    os.kill(members[member], signal.SIGKILL)
    since = time.monotonic()
    code, _, errors = finish(process, timeout=60)
    assert time.monotonic() - since < 60
    assert code == 1
    assert re.fullmatch(r"error: .*process .* of this run (was ended by SIGKILL|is gone), and .*\n", errors), errors
    assert all(gone(number) for number in members)
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "failed"


@pytest.mark.slow
def test_when_their_parent_is_killed_all_end(tmp_path: Path) -> None:
    process, members = a_group(tmp_path / "run")
    process.kill()
    deadline = time.monotonic() + 60
    while not all(gone(number) for number in members):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    finish(process)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 1])
def test_when_their_parent_is_killed_while_they_start_all_end(tmp_path: Path, seconds: float) -> None:
    process = start(tmp_path / "run", *SMALL, "trainer=ddp_cpu", "trainer.devices=4")
    found = ["pgrep", "-s", str(process.pid), "-f", "spawn_main"]
    wait_for(lambda: len(subprocess.run(found, capture_output=True).stdout.split()) == 4, process)
    time.sleep(seconds)
    process.kill()
    deadline = time.monotonic() + 20
    while subprocess.run(found, capture_output=True).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    _, _, errors = finish(process)
    assert errors.splitlines()[0].startswith("warning: trainer.devices=4 processes share ") or (os.cpu_count() or 1) > 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a group does that is left alone."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert train(folder, *SMALL, *FORKED)[0] == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code", "words"), [("SIGTERM", 143, FORKED[:1]), ("SIGINT", 130, FORKED)])
def test_a_group_is_saved_at_one_moment_and_goes_on(
    whole: Path, tmp_path: Path, name: str, code: int, words: list[str]
) -> None:
    """Spawned or forked, stopped, resumed, and at the end the same as a group that was left alone."""
    run = tmp_path / "run"
    process = start(run, *SMALL, *words)
    wait_for((run / "samples" / "000000000.png").exists, process)
    process.send_signal(signal.Signals[name])
    returned, _, errors = finish(process)
    assert returned == code
    stopped = re.match(rf"stopped by {name} at ([\d,]+) images, and saved\n", errors)
    assert stopped, errors
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert f"{checkpoint['progress']['images_seen']:,}" == stopped[1]
    assert train(run, f"resume={run}", *FORKED[1:])[::2] == (0, "")
    assert list(differences(whole, run)) == []


@pytest.mark.slow
def test_a_run_moves_between_one_process_and_two(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, *SMALL, "images=1280")[0] == 0
    assert train(run, f"resume={run}", "images=2560", "trainer=ddp_cpu")[::2] == (0, "")
    assert train(run, f"resume={run}", "images=3840", "trainer=cpu")[::2] == (0, "")
    assert [record["images_seen"] for record in records(run)] == [1280, 2560, 3840]


@pytest.mark.slow
def test_jobs_of_several_processes_do_not_mix_in_a_sweep(tmp_path: Path) -> None:
    """Each job of the sweep, whose processes are spawned, ends as the same command does alone."""
    code, _, errors = train(tmp_path / "run", "-m", *SMALL, "images=640", "trainer=ddp_cpu", "seed=1,2")
    assert (code, errors) == (0, "")
    (sweep,) = (tmp_path / "outputs" / "sweep").iterdir()
    for job, seed in (("0", 1), ("1", 2)):
        alone = tmp_path / f"alone{seed}"
        assert train(alone, *SMALL, "images=640", *FORKED, f"seed={seed}")[0] == 0
        assert list(differences(alone, sweep / job)) == []


@pytest.mark.parametrize("strategy", ["ddp", "ddp_find_unused_parameters_true", "auto"])
def test_a_launcher_that_repeats_the_command_line_is_refused(tmp_path: Path, strategy: str) -> None:
    words = [*SMALL, "trainer=ddp_cpu", f"trainer.strategy={strategy}"]
    code, _, errors = train(tmp_path / "run", *words)
    assert code == 2
    assert re.fullmatch(r"error: this strategy repeats the command line .* Use trainer=ddp.*\n", errors)
