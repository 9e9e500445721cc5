"""`python src/train.py` as a new user meets it."""

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ..conftest import TINY
from ..processes import born
from .runs import FORKED

Command = Callable[..., subprocess.CompletedProcess]
SHORT = [
    "images=640", "evaluate_every=320", "log_every=64", "metrics.images=60", "metrics.extractor.epochs=2",
    "data.image_size=16", "data.batch_size=32",
]  # fmt: skip
MLP = [*TINY["mlp"], *SHORT]


def run_folder(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "outputs" / "train").iterdir()
    return folder


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """One short run of a small DCGAN, looked at by several tests."""
    folder = tmp_path_factory.mktemp("finished")
    words = [f"paths.outputs={folder}/outputs", *TINY["dcgan"], *SHORT]
    process = born("train", *words, cwd=folder)
    output, errors = process.communicate(600)
    assert process.wait() == 0, errors
    return run_folder(folder), subprocess.CompletedProcess(words, 0, output, errors)


def test_terminal_shows_scores_and_places_and_nothing_else(finished: tuple) -> None:
    _, result = finished
    assert result.stderr == ""
    assert "fid_classifier" in result.stdout
    assert "60 fakes and 899 real images" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("look     tensorboard --logdir outputs/train/")
    assert max(len(line) for line in result.stdout.splitlines()[:-3]) <= 80


def test_run_folder_is_as_the_readme_says(finished: tuple) -> None:
    folder, _ = finished
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    expected = {
        ".hydra/config.yaml",
        ".hydra/overrides.yaml",
        "metrics.jsonl",
        "status.json",
        "generator.safetensors",
    }
    expected |= {f"checkpoints/{name}.ckpt" for name in ("last", "previous", "best")}
    expected |= {f"samples/{name}.png" for name in ("real", "000000000", "000000320", "000000640")}
    assert expected <= names
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    assert not [name for name in names if "/." in name and not name.startswith(".hydra")], "temporary files are left"


def test_every_score_carries_its_stamp(finished: tuple) -> None:
    folder, _ = finished
    records = lines(folder)
    assert [record["images_seen"] for record in records] == [320, 640]
    for record in records:
        stamp = record["stamp"]
        assert stamp["extractor"].startswith("classifier:")
        assert (stamp["fake_images"], stamp["real_images"], stamp["weights"], stamp["seed"]) == (
            60,
            899,
            "ema",
            0,
        )
        assert set(stamp["versions"]) == {"ganforge", "torch", "torchmetrics"}
        for score in (
            "fid",
            "kid",
            "is",
            "precision",
            "recall",
            "density",
            "coverage",
            "classes",
            "class_entropy",
        ):
            assert np.isfinite(record["scores"][f"{score}_classifier"])
            assert np.isfinite(record["real"]["scores"][f"{score}_classifier"])


def test_tensorboard_has_every_term_against_images_seen(finished: tuple) -> None:
    folder, _ = finished
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    scalars = set(events.Tags()["scalars"])
    terms = {
        "discriminator/adversarial",
        "discriminator/r1",
        "generator/adversarial",
        "logits/real",
        "logits/fake",
    }
    terms |= {
        "gradient_norm/discriminator",
        "gradient_norm/generator",
        "images_per_second",
        "scores/fid_classifier",
    }
    assert terms <= scalars
    assert [event.step for event in events.Scalars("generator/adversarial")] == list(range(64, 641, 64))
    assert [event.step for event in events.Images("samples")] == [0, 320, 640]
    assert [event.step for event in events.Images("real")] == [0]
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")
    with (folder / "csv" / "metrics.csv").open() as file:
        assert terms <= set(next(csv.reader(file)))


def test_sample_grid_is_a_picture_of_many_grays(finished: tuple) -> None:
    folder, _ = finished
    picture = np.asarray(Image.open(folder / "samples" / "000000640.png"))
    assert picture.shape == (8 * 17 + 1, 8 * 17 + 1, 3)
    assert len(np.unique(picture)) > 2
    assert len(np.unique(np.asarray(Image.open(folder / "samples" / "real.png")))) > 100


def test_generator_file_rebuilds_the_generator(finished: tuple) -> None:
    folder, _ = finished
    with safe_open(folder / "generator.safetensors", "pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    arguments = json.loads(metadata["config"])["model"]["generator"]
    assert arguments.pop("_target_") == "ganforge.networks.dcgan.Generator"
    from ganforge.networks.dcgan import Generator

    generator = Generator(**arguments)
    generator.load_state_dict(tensors)
    best = min(lines(folder), key=lambda record: record["scores"]["fid_classifier"])
    assert json.loads(metadata["facts"]) == {"images_seen": best["images_seen"], "scores": best["scores"]}
    checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert checkpoint["progress"]["images_seen"] == best["images_seen"]
    for name, value in generator.state_dict().items():
        assert torch.equal(value, checkpoint["state_dict"][f"averaged.{name}"])


@pytest.mark.slow
def test_same_command_same_scores(command: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert command(*MLP, f"hydra.run.dir={tmp_path}/{name}").returncode == 0
    assert (tmp_path / "one" / "metrics.jsonl").read_text() == (tmp_path / "two" / "metrics.jsonl").read_text()


def test_help_is_for_people(command: Command) -> None:
    result = command("--help")
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    for word in ("model", "dcgan", "wgan_gp", "mixture2d", "ddp_cpu", "experiment", "-m model=mlp,dcgan"):
        assert word in result.stdout


MISTAKES = {
    "option": (["model=dcgn"], "model=dcgn does not exist. Did you mean dcgan?"),
    "group": (["modle=dcgan"], "modle is not a key of this configuration. Did you mean model?"),
    "key": (["imags=5"], "Did you mean images?"),
    "nested key": (["optimizer.generator.learning_rate=1"], "is not a key of this configuration"),
    "added key": (["+foo=3"], "foo is not a key of this configuration"),
    "sweep without -m": (["model=dcgan,mlp"], "add -m"),
    "grammar": (["loss=[hinge"], "cannot read 'loss=[hinge'"),
    "key of another option, in a sweep": (
        ["-m", "data=mnist,digits", "data.root=x"],
        "data.root is not a key",
    ),
    "type": (["images=abc"], "images=abc should be a whole number"),
    "range": (["images=-5"], "images=-5: the budget must be at least one image"),
    "missing file": (["data=arrays", "data.path=nope.npz"], "nope.npz: no such file"),
    "GPU": (["trainer=gpu"], "needs a CUDA GPU"),
    "no folder for outputs": (["paths.outputs=null"], "paths.outputs=None should be a folder"),
    "file for outputs": (["paths.outputs=/dev/null"], "error: Not a directory: "),
    "flag": (["--foo"], "unrecognized arguments: --foo"),
    "reference to nothing": (["seed=${nothing}"], "Interpolation key 'nothing' not found"),
    "monitor": ([*MLP, "metrics.monitor=fid"], "metrics.monitor=fid is not one of the scores"),
    "target": (["callbacks.samples._target_=os.system"], "'os.system' is not allowed"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_ends_in_a_line_with_nothing_left_behind(command: Command, tmp_path: Path, case: str) -> None:
    arguments, message = MISTAKES[case]
    result = command(*arguments, CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert result.stdout == ""
    assert not list((tmp_path / "outputs").glob("train/*"))
    assert not list((tmp_path / "outputs").glob("sweep/*"))


def test_broken_image_in_a_folder_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(30):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "7.png").write_bytes(b"\x89PNG not")
    result = command("data=folder", "data.path=photos", "data.image_size=16", "metrics=none")
    assert result.returncode == 2
    assert "photos/7.png is not a readable image" in result.stderr


def test_run_folder_in_use_is_not_touched(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    result = command(*MLP, f"hydra.run.dir={tmp_path}/mine")
    assert result.returncode == 2
    assert "is not empty" in result.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_divergence_names_the_term_and_the_clock(command: Command, tmp_path: Path) -> None:
    wild = ["optimizer.discriminator.lr=1e30", "loss=wgan", "constraint=none"]
    result = command(*MLP, *wild)
    assert result.returncode == 2
    assert re.match(r"error: discriminator: the term adversarial is (nan|-?inf) after \d+ images", result.stderr)
    assert len(result.stderr.strip().splitlines()) == 1
    assert json.loads((run_folder(tmp_path) / "status.json").read_text())["state"] == "failed"


def test_full_disk_is_a_message_and_keeps_what_was_good(tmp_path: Path) -> None:
    """A limit on the size of a file stands for a full disk: the same error reaches the same code."""
    words = [f"paths.outputs={tmp_path}/outputs", "model=mlp", "metrics=none", "images=640", "evaluate_every=320"]
    process = born("train", *words, cwd=tmp_path, limits={"FSIZE": 300_000})
    _, errors = process.communicate(600)
    assert process.wait() == 2
    assert re.match(r"error: File too large: .*checkpoints/next\.ckpt$", errors.strip())
    assert not list((run_folder(tmp_path) / "checkpoints").iterdir()), "half a checkpoint is left"


@pytest.mark.slow
def test_sweep_ranks_its_jobs_and_records_a_failure(command: Command, tmp_path: Path) -> None:
    result = command("-m", *MLP, "loss=hinge,lsgan", "optimizer.generator.lr=1e-3,-1")
    assert result.returncode == 1
    (folder,) = (tmp_path / "outputs" / "sweep").iterdir()
    with (folder / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "failed"]
    assert float(rows[0]["score"]) <= float(rows[1]["score"])
    assert {row["overrides"].split()[0] for row in rows} == {"loss=hinge", "loss=lsgan"}
    assert "Invalid learning rate" in rows[2]["error"]
    assert "rank" in result.stdout
    assert json.loads((folder / "1" / "status.json").read_text())["state"] == "failed"


@pytest.mark.slow
def test_scores_with_unequal_stamps_are_ranked_apart(command: Command, tmp_path: Path) -> None:
    result = command("-m", *MLP, "metrics.images=40,60")
    assert result.returncode == 0
    (folder,) = (tmp_path / "outputs" / "sweep").iterdir()
    with (folder / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["group"], row["rank"]) for row in rows] == [("0", "1"), ("1", "1")]


@pytest.mark.slow
def test_sweep_in_parallel(command: Command, tmp_path: Path) -> None:
    result = command("-m", *MLP, "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert result.returncode == 0, result.stderr
    (folder,) = (tmp_path / "outputs" / "sweep").iterdir()
    with (folder / "ranking.csv").open() as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["finished", "finished"]


@pytest.mark.slow
def test_two_processes_score_the_same_generator_the_same(command: Command, tmp_path: Path) -> None:
    still = ["optimizer.generator.lr=0.0", "optimizer.discriminator.lr=0.0", "metrics.images=61"]
    for trainer in ("cpu", "ddp_cpu"):
        result = command(*MLP, *still, f"trainer={trainer}", f"hydra.run.dir={tmp_path}/{trainer}")
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
    alone, together = (lines(tmp_path / trainer) for trainer in ("cpu", "ddp_cpu"))
    for one, two in zip(alone, together, strict=True):
        assert one["stamp"] == two["stamp"]
        assert two["scores"] == pytest.approx(one["scores"], rel=1e-6)


@pytest.mark.slow
def test_two_processes_train_and_fail_with_one_message(command: Command, tmp_path: Path) -> None:
    assert command(*MLP, *FORKED, "loss=wgan_gp", f"hydra.run.dir={tmp_path}/good").returncode == 0
    result = command(*MLP, "trainer=ddp_cpu", "optimizer.discriminator.lr=1e30", "loss=wgan", "constraint=none")
    assert result.returncode == 2
    assert "the term adversarial is" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_own_images_without_labels(command: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(60):
        Image.new("RGB", (20, 30), (number, 4 * number, 0)).save(tmp_path / "photos" / f"{number}.png")
    result = command(
        *TINY["dcgan"], "data=folder", "data.path=photos", "data.image_size=16", "metrics=none", "images=128",
        "data.batch_size=16",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (run_folder(tmp_path) / "generator.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["debug"])
def test_debug_ends_after_a_few_rounds(command: Command, tmp_path: Path, trainer: str) -> None:
    assert command(*MLP, f"trainer={trainer}", "images=1_000_000").returncode == 0
    assert lines(run_folder(tmp_path))[-1]["images_seen"] in range(32, 8 * 32 + 1)


def test_a_run_begins_with_the_weights_of_another(command: Command, tmp_path: Path) -> None:
    words = [*TINY["mlp"], "metrics=none", "logger=none", "data.batch_size=16", "save_every=64"]
    assert command(*words, "images=64", f"hydra.run.dir={tmp_path}/first").returncode == 0
    note = "note='batches of ${data.batch_size}'"
    second = command(*words, "images=64", "init_from=first", note, f"hydra.run.dir={tmp_path}/second")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("beginning with the weights of first at 64 images\nbatches of 16\n")
    nothing = command(*words, "images=64", "init_from=missing", f"hydra.run.dir={tmp_path}/third")
    assert nothing.returncode == 2
    assert nothing.stderr == "error: init_from=missing: there is no checkpoint in it\n"
    assert not (tmp_path / "third").exists()
    more = command(f"resume={tmp_path}/second", "images=128")
    assert (more.returncode, more.stderr) == (0, "")
    assert "beginning" not in more.stdout and "batches" not in more.stdout
