"""Runs that are scored again: the training's own scores come out where the same is asked for."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganforge.artifacts.evaluations import best_of_training, comparable, training_lines
from ganforge.artifacts.images import save_png
from ganforge.artifacts.records import read_lines
from ganforge.launch.job import Job
from ganforge.launch.rescoring import evaluator_of, requested, rescore, run_config
from ganforge.launch.run import fit
from ganforge.scoring.drawing import Drawing
from ganforge.scoring.stamps import records_of
from ganforge.scoring.weights import sampler_with, stored_weights

from ..composition import composition
from ..conftest import TINY

SMALL = [
    "images=192", "evaluate_every=64", "data.batch_size=32", "logger=none",
    "callbacks.progress.show=false",
]  # fmt: skip
CLASSIFIER = ["metrics.images=60", "metrics.extractor.epochs=3"]
DIGITS = [*TINY["mlp"], "data.image_size=16", *CLASSIFIER]
ARRAYS = [*TINY["mlp"], "data=arrays", "data.held_out=0.2", *CLASSIFIER]


def configuration(name: str, outputs: Path, *words: str) -> DictConfig:
    config = composition(name, *words)
    config.paths.outputs = str(outputs)
    return config


def train(folder: Path, *words: str) -> Path:
    torch.set_num_threads(1)
    config = configuration("train", folder.parent, *SMALL, *words)
    config.paths.run = str(folder)
    fit(config, Job(folder, list(words)))
    return folder


def evaluate(run: Path, *words: str) -> dict[str, Any]:
    """The line that an evaluation adds."""
    config = configuration("evaluate", run.parent, f"run={run}", "images=60", *words)
    rescore(requested(config), config)
    return read_lines(run / "metrics.jsonl")[-1]


def best(run: Path) -> dict[str, Any]:
    """The training's own best line."""
    line = best_of_training(run)
    assert line is not None
    return line


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three evaluations, so wild that the last is hardly the best."""
    return train(tmp_path_factory.mktemp("digits") / "run", *DIGITS, "optimizer.generator.lr=0.5")


@pytest.fixture
def run(digits: Path, tmp_path: Path) -> Path:
    """A copy of it that can be damaged, beside the same cache."""
    shutil.copytree(digits.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Eighty images of noise in four classes."""
    path = tmp_path / "images.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (80, 16, 16), dtype=np.uint8)
    np.savez(path, images=pixels, labels=np.arange(80) % 4)
    return path


KINDS = {
    "convolutions": [*TINY["dcgan"], "data.image_size=16", *CLASSIFIER],
    "live weights": [*DIGITS, "metrics.sample_from=live"],
    "classes": [*DIGITS, "condition=projection"],
    "codes": [*DIGITS, "condition=codes"],
    "points": [*TINY["mlp"], "data=mixture2d", "data.points=1000", "metrics.images=60"],
    "standing statistics": [*TINY["dcgan"], "data.image_size=16", *CLASSIFIER, "metrics.statistics=standing"],
    "half precision": [*DIGITS, "loss=hinge", "trainer.precision=bf16-true"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_trainings_own_line_comes_out_bit_for_bit(tmp_path: Path, kind: str) -> None:
    run = train(tmp_path / "run", *KINDS[kind])
    lines = read_lines(run / "metrics.jsonl")
    assert [line["images_seen"] for line in lines] == [64, 128, 192]
    assert evaluate(run) == best(run) | {"by": "evaluate"}
    assert evaluate(run, "checkpoint=last") == lines[-1] | {"by": "evaluate"}
    assert training_lines(run) == lines


def test_best_checkpoint_is_scored_and_shown_beside_the_training(run: Path, capsys: pytest.CaptureFixture) -> None:
    expected = best(run)
    evaluate(run)
    table = capsys.readouterr().out
    value = f"{expected['scores']['fid_classifier']:.4g}"
    real = f"{expected['real']['scores']['fid_classifier']:.4g}"
    assert re.search(rf"score +┃ +now, {expected['images_seen']} ┃ while training ┃ +60 real ┃", table)
    assert re.search(rf"fid_classifier +│ +{value} │ +{value} │ +{real} │", table)
    assert "measured something else" not in table


def test_other_counts_seeds_and_weights_are_other_scores_and_never_beside_the_trainings(
    run: Path, capsys: pytest.CaptureFixture
) -> None:
    before = evaluate(run)
    for word, difference in (
        ("images=70", "fake_images: 70 here, 60 while training"),
        ("seed=5", "seed: 5 here, 0 while training"),
        ("weights=live", "weights: live here, ema while training"),
        ("reference=train", "real_images: 898 here, 899 while training"),
    ):
        capsys.readouterr()
        line = evaluate(run, word)
        assert line["scores"] != before["scores"]
        assert evaluate(run, word) == line
        printed = capsys.readouterr().out
        assert "measured something else:\n" in printed and f"  {difference}\n" in printed
        assert " now, " in printed and "┃ while training" not in printed


def test_standing_statistics_are_in_the_stamp_and_are_other_scores(tmp_path: Path) -> None:
    run = train(tmp_path / "run", *KINDS["convolutions"])
    line = evaluate(run, "statistics=standing")
    assert line["stamp"] == best(run)["stamp"] | {"statistics": "standing"}
    assert line["scores"] != best(run)["scores"]


def test_scores_that_training_could_not_make_are_refused_before_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this generator has none"):
        train(tmp_path / "run", *DIGITS, "metrics.statistics=standing")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_other_metrics_are_resolved_against_the_run(tmp_path: Path) -> None:
    run = train(
        tmp_path / "points", *TINY["mlp"], "data=mixture2d", "data.points=1000", "data.layout=grid", "metrics=none"
    )
    line = evaluate(run, "metrics=mixture")
    assert line["stamp"]["split"] == "fresh draws from the grid"
    assert set(line["scores"]) == {"modes_covered_points", "within_3_sigma_points"}
    assert line["real"]["scores"]["within_3_sigma_points"] > 0.9
    with pytest.raises(ValueError, match="there is nothing to score with metrics=none"):
        evaluate(run)


@pytest.mark.slow
def test_inception_scores_of_a_run_that_was_trained_with_the_classifiers(
    images: Path, tmp_path: Path, random_inception: Path
) -> None:
    run = train(tmp_path / "run", *ARRAYS, f"data.path={images}")
    line = evaluate(run, "metrics=inception", f"metrics.weights={random_inception}", "images=10")
    assert line["stamp"]["extractor"].startswith("inception:")
    assert next(iter(line["scores"])) == "fid_inception"
    assert all(math.isfinite(score) for score in line["scores"].values())


def test_data_that_has_moved_is_named(images: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", *ARRAYS, f"data.path={images}")
    new = tmp_path / "elsewhere" / images.name
    new.parent.mkdir()
    images.rename(new)
    with pytest.raises(ValueError, match=re.escape(str(images))):
        evaluate(run)
    assert evaluate(run, f"data.path={new}") == best(run) | {"by": "evaluate"}


def test_another_run_is_shown_beside_where_its_stamp_is_equal(
    run: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    other = train(run.parent / "other", *DIGITS, "seed=7")
    evaluate(run, "images=80")
    with pytest.raises(ValueError, match=r"other measured something else \(fake_images: 80 here, 60 there\)"):
        evaluate(run, "images=80", f"against={other}")
    assert len(read_lines(run / "metrics.jsonl")) == 4
    theirs = evaluate(other, "images=80", "checkpoint=last")
    capsys.readouterr()
    evaluate(run, "images=80", f"against={other}")
    printed = capsys.readouterr().out
    assert re.search(r"now, \d+ ┃ other, 192 ┃", printed)
    assert re.search(rf"fid_classifier +│ +\S+ │ +{theirs['scores']['fid_classifier']:.4g} │", printed)
    evaluate(run, f"against={other}")
    assert f" other, {best(other)['images_seen']} " in capsys.readouterr().out
    with pytest.raises(ValueError, match="nowhere has no scores"):
        evaluate(run, "against=nowhere")


def test_file_of_weights_stands_for_the_best_checkpoint(run: Path) -> None:
    expected = evaluate(run)
    shutil.rmtree(run / "checkpoints")
    assert evaluate(run) == expected
    for word in ("weights=live", "checkpoint=last"):
        with pytest.raises(ValueError, match=r"run has no \w+ checkpoint. Without one, generator.safetensors there"):
            evaluate(run, word)
    (run / "generator.safetensors").unlink()
    with pytest.raises(ValueError, match="run has no best checkpoint"):
        evaluate(run)


def test_damaged_checkpoints_are_named(run: Path, capsys: pytest.CaptureFixture) -> None:
    for name, words in (("best", []), ("last", ["checkpoint=last"])):
        path = run / "checkpoints" / f"{name}.ckpt"
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[:-2000])
        if name == "best":
            with pytest.raises(ValueError, match=r"best.ckpt is damaged"):
                evaluate(run, *words)
        else:
            assert evaluate(run, *words)["images_seen"] == 128
            assert "last.ckpt is damaged" in capsys.readouterr().err


def changed(run: Path, path: str, value: object) -> None:
    file = run / ".hydra" / "config.yaml"
    config = OmegaConf.load(file)
    OmegaConf.update(config, path, value, force_add=True)
    OmegaConf.save(config, file)


HOSTILE: dict[str, Callable[[Path], None]] = {
    "is not allowed": lambda run: changed(run, "model.generator._target_", "os.system"),
    "extra._target_='os.system' is not allowed": lambda run: changed(run, "extra._target_", "os.system"),
    "asks for something outside": lambda run: changed(run, "seed", "${oc.env:HOME}"),
    "does not fit the configuration of the run": lambda run: changed(run, "model.generator.hidden", [10**7]),
    "model.generator.hidden=many should be": lambda run: changed(run, "model.generator.hidden", "many"),
    "does not say how many images": lambda run: shutil.copy(unknown_weights(run), run / "generator.safetensors"),
    "no run is there": lambda run: shutil.rmtree(run / ".hydra"),
}


def unknown_weights(run: Path) -> Path:
    """A generator's file without facts, in a folder that has no checkpoints any more."""
    with safe_open(run / "generator.safetensors", "pt") as file:
        metadata = file.metadata() | {"facts": json.dumps({})}
    shutil.rmtree(run / "checkpoints")
    save_file(load_file(run / "generator.safetensors"), run / "unknown.safetensors", metadata)
    return run / "unknown.safetensors"


@pytest.mark.parametrize("message", HOSTILE)
def test_what_cannot_be_trusted_is_refused_and_nothing_is_added(run: Path, message: str) -> None:
    records = (run / "metrics.jsonl").read_bytes()
    HOSTILE[message](run)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        evaluate(run)
    assert len(str(caught.value).splitlines()) == 1
    assert (run / "metrics.jsonl").read_bytes() == records


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=null"], "say which run: run=<a run folder>, or which pictures: fakes=<a folder or an .npz>"),
        (["images=many"], "images=many should be a whole number"),
        (["images=9"], "must be at least 10"),
        (["seed=0.5"], "seed=0.5 should be a whole number or null"),
        (["weights=emma"], "weights=emma should be one of ema, live or null"),
        (["checkpoint=worst"], "checkpoint=worst should be one of best, last"),
        (["reference=test"], "reference=test should be one of held_out, train"),
        (["device=gpu"], "device=gpu should be one of auto, cpu, cuda"),
        (["metrics=mixture"], "the extractor points needs points"),
        (["data.root=x"], "data has no argument 'root'"),
    ],
)
def test_values_that_make_no_sense_are_named(run: Path, words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(run, *words)


def test_missing_gpu_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="device=cuda needs a CUDA GPU, and PyTorch finds none here"):
        evaluate(run, "device=cuda")
    assert evaluate(run, "device=auto")["images_seen"] > 0


def drawn(run: Path, count: int) -> Tensor:
    """The very fakes that an evaluation of the run scores."""
    config = configuration("evaluate", run.parent, f"run={run}", f"images={count}")
    request = requested(config)
    conditions = run_config(request, run, config)
    sampler = sampler_with(stored_weights(run, "best", conditions), conditions, torch.device("cpu"))
    evaluator = evaluator_of(conditions, request)
    evaluator.drawing = Drawing(sampler, evaluator.extractor, evaluator.images, evaluator.seed, None)
    return torch.cat(list(evaluator.fakes(sampler, evaluator.numbers())))


@pytest.fixture(scope="module")
def pictures(digits: Path) -> Path:
    """Those of the run as PNGs below a folder, and as arrays beside it."""
    folder = digits.parent / "pictures"
    images = drawn(digits, 60)
    for number, image in enumerate(images):
        save_png(folder / f"{number:03d}.png", image)
    np.savez(digits.parent / "pictures.npz", images=images.movedim(1, -1).numpy())
    return folder


def score(fakes: Path, *words: str) -> dict[str, Any]:
    """The line that the scoring of pictures adds."""
    config = configuration("evaluate", fakes.parent, f"fakes={fakes}", *words)
    rescore(requested(config), config)
    return read_lines(Path(config.output or records_of(fakes)))[-1]


CONDITIONS = ["data=digits", "data.image_size=16", "metrics=classifier", "metrics.extractor.epochs=3"]


@pytest.mark.parametrize("kind", ["pictures", "pictures.npz"])
@pytest.mark.parametrize("words", [CONDITIONS, ["run"]], ids=["alone", "with a run"])
def test_pictures_get_the_scores_that_their_generator_gets(
    run: Path, pictures: Path, kind: str, words: list[str]
) -> None:
    own = evaluate(run)
    fakes = shutil.copytree(pictures, run.parent / "pictures", dirs_exist_ok=True).parent / kind
    line = score(fakes, *([f"run={run}"] if words == ["run"] else words))
    assert line["scores"] == pytest.approx(own["scores"], rel=1e-9, abs=1e-9)
    assert line["real"] == own["real"]
    assert comparable(line["stamp"], own["stamp"])
    assert re.fullmatch(rf"{kind}:[0-9a-f]{{12}}", line["stamp"]["fakes"])
    assert {"weights", "seed"}.isdisjoint(line["stamp"])
    assert line["by"] == "evaluate"
    assert read_lines(run / "metrics.jsonl")[-1] == own, "the fakes are not the run's"


def test_pictures_stand_beside_runs_and_other_pictures_where_the_measurement_is_equal(
    run: Path, pictures: Path, capsys: pytest.CaptureFixture
) -> None:
    fakes = shutil.copytree(pictures, run.parent / "pictures", dirs_exist_ok=True)
    other = shutil.copytree(fakes, run.parent / "others")
    (other / "000.png").unlink()
    evaluate(run)
    score(fakes, f"run={run}")
    assert re.search(rf"score +┃ +pictures ┃ +run, {best(run)['images_seen']} ┃ +60 real ┃", capsys.readouterr().out)
    score(fakes, f"run={run}", "images=50")
    printed = capsys.readouterr().out
    assert "the run's own scores measured something else:\n  fake_images: 50 here, 60 there\n" in printed
    evaluate(run, f"against={fakes}")
    assert re.search(r"now, \d+ ┃ while training ┃ +pictures ┃", capsys.readouterr().out)
    with pytest.raises(ValueError, match=r"pictures measured something else \(fake_images: 59 here, 60 there\)"):
        score(other, *CONDITIONS, f"against={fakes}")
    assert not (other / "metrics.jsonl").exists()
    score(other, *CONDITIONS, "images=50", f"against={fakes}", f"output={run.parent}/mine.jsonl")
    assert re.search(r"┃ +others ┃ +pictures ┃", capsys.readouterr().out)
    assert len(read_lines(run.parent / "mine.jsonl")) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fakes=nowhere", "run={run}"], "fakes=nowhere: no such folder or .npz file"),
        (["fakes={pictures}", "metrics=classifier"], "say what the fakes should look like: data="),
        (["fakes={pictures}", "data=digits"], "say which scores: metrics="),
        (["fakes={pictures}", "data=digits", "metrics=none"], "nothing to score with metrics=none"),
        (["fakes={pictures}", "data=folder", "metrics=classifier"], "data.path= is missing: Folder needs it"),
        (["fakes={pictures}", "data=digits", "metrics=classifier", "data.path=x"], "data has no argument 'path'"),
        (["fakes={pictures}", "run={run}", "data=digits"], "a run has data of its own: leave data= out"),
        (["fakes={pictures}", "run={run}", "images=61"], "has 60 pictures, fewer than images=61"),
        (["fakes={pictures}", "run={run}", "images=9"], "images=9, and scores need at least 10"),
        (["fakes={pictures}.npz", "data=folder", "data.path={pictures}", "metrics=classifier"], "pictures has none"),
        (["fakes={pictures}", "run={run}", "weights=live"], "weights= are a run's, and fakes= have none"),
        (["fakes={pictures}", "run={run}", "statistics=standing"], "statistics= are a run's, and fakes= have none"),
        (["run={run}", "statistics=standing"], "this generator has none"),
        (["run={run}", "statistics=both"], "statistics=both should be"),
        (["run={run}", "output=x"], "output= is for fakes="),
        (["fakes={pictures}", "run={run}", "output={pictures}.npz"], "should be a file whose name ends in .jsonl"),
        (["fakes={pictures}", "run={run}", "output={run}/metrics.jsonl"], "has the scores of a run: name another file"),
        (["fakes={run}", "run={run}"], "has the scores of a run: name another file"),
    ],
)
def test_fakes_that_make_no_sense_are_refused(run: Path, pictures: Path, words: list[str], message: str) -> None:
    before = sorted(run.parent.rglob("*"))
    config = configuration("evaluate", run.parent, *(word.format(run=run, pictures=pictures) for word in words))
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        rescore(requested(config), config)
    assert len(str(caught.value).splitlines()) == 1
    assert sorted(run.parent.rglob("*")) == before


def test_fakes_of_the_same_name_have_columns_of_their_own(
    run: Path, pictures: Path, capsys: pytest.CaptureFixture
) -> None:
    one, other = (shutil.copytree(pictures, run.parent / name / "images") for name in ("one", "other"))
    save_png(other / "000.png", torch.full((1, 16, 16), 255, dtype=torch.uint8))
    scores = score(other, *CONDITIONS)["scores"]
    better = score(one, *CONDITIONS, f"against={other}")["scores"]
    printed = capsys.readouterr().out
    assert re.search(r"┃ +one/images ┃ +other/images ┃", printed)
    fid = [f"{values['fid_classifier']:.4g}" for values in (better, scores)]
    assert fid[0] != fid[1]
    assert re.search(rf"fid_classifier +│ +{fid[0]} │ +{fid[1]} │", printed)


def test_a_grid_beside_the_fakes_is_no_fake(run: Path, pictures: Path) -> None:
    fakes = shutil.copytree(pictures, run.parent / "drawn" / "images").parent
    shutil.copy(fakes / "images" / "000.png", fakes / "grid.png")
    with pytest.raises(ValueError, match=r"grid\.png lies beside folders .* such as fakes=.*drawn.images$"):
        score(fakes, *CONDITIONS)


def test_pictures_of_other_channels_and_points_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((10, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="the fakes have 3 channels, and the data has 1"):
        score(tmp_path / "x.npz", *CONDITIONS)
    assert not (tmp_path / "x.metrics.jsonl").exists()
    run = train(tmp_path / "points", *TINY["mlp"], "data=mixture2d", "data.points=1000", "metrics.images=60")
    with pytest.raises(ValueError, match="fakes= are pictures, and mixture2d has points"):
        score(tmp_path / "x.npz", f"run={run}")
