"""What words mean to a search."""

import ast
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ganforge.search.space import refuse_bad_space, space_of

from ..conftest import ROOT

DEFAULT = ["optimizer.generator.lr=interval(0,1)", "optimizer.discriminator.lr=interval(0,1)"]
MEANINGS = {
    "interval(0.5,2)": FloatDistribution(0.5, 2.0),
    "tag(log,interval(1e-5,1e-2))": FloatDistribution(1e-5, 1e-2, log=True),
    "int(interval(1,5))": IntDistribution(1, 5),
    "tag(log,int(interval(8,64)))": IntDistribution(8, 64, log=True),
    "range(1,6)": IntDistribution(1, 5),
    "range(0,1,step=0.25)": FloatDistribution(0.0, 0.75, step=0.25),
    "range(5,0,-2)": IntDistribution(1, 5, step=2),
    "hinge,lsgan": CategoricalDistribution(["hinge", "lsgan"]),
    "choice(1,2.5)": CategoricalDistribution(["1", "2.5"]),
    "[8],[16,16],[8]": CategoricalDistribution(["[16,16]", "[8]"]),
    "glob([w*,lsgan])": CategoricalDistribution(["lsgan", "wgan", "wgan_gp"]),
    "shuffle(c,a,b)": CategoricalDistribution(["a", "b", "c"]),
}


@pytest.mark.parametrize(("value", "expected"), MEANINGS.items())
def test_values_are_hydras(value: str, expected: BaseDistribution) -> None:
    assert space_of([f"loss={value}"], []).distributions == {"loss": expected}


@pytest.mark.parametrize("value", ["range(1,6)", "range(2,9,3)", "range(9,2,-3)"])
def test_range_is_what_a_sweep_would_run(value: str) -> None:
    swept = OverridesParser.create().parse_override(f"key={value}").sweep_iterator()
    values = space_of([f"key={value}"], []).distributions["key"]
    assert isinstance(values, IntDistribution)
    assert set(range(values.low, values.high + 1, values.step)) == set(swept)


def test_words_of_a_trial_say_the_same_to_hydra() -> None:
    space = space_of(["seed=3", "model.generator.hidden=[8],[16,16]", "+data.path='a b',c", "images=range(1,3)"], [])
    words = space.overrides({"images": 2, "+data.path": "'a b'", "model.generator.hidden": "[16,16]"})
    assert words == ["seed=3", "model.generator.hidden=[16,16]", "+data.path='a b'", "images=2"]
    assert OverridesParser.create().parse_override(words[2]).value() == "a b"


def test_default_space_is_searched_only_where_the_line_leaves_it_open() -> None:
    assert list(space_of(["model=mlp"], DEFAULT).distributions) == [word.split("=")[0] for word in DEFAULT]
    assert list(space_of(["optimizer.generator.lr=1e-3"], DEFAULT).distributions) == ["optimizer.discriminator.lr"]
    assert list(space_of(["model=mlp", "seed=1,2"], DEFAULT).distributions) == ["seed"]
    with pytest.raises(ValueError, match="nothing is left to search"):
        space_of(["optimizer.generator.lr=1", "optimizer.discriminator.lr=1"], DEFAULT)


@pytest.mark.parametrize(
    "word",
    [
        "a=interval(5,1)",
        "a=range(1,1)",
        "a=tag(log,interval(0,1))",
        "a=range(0,1,step=0)",
        "a=interval(nan,1)",
        "a=interval(0,inf)",
        "a=range(0,nan)",
    ],
)
def test_range_without_values_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"a=.*\("):
        space_of([word], [])


MISTAKES = {
    "loss=hinge,lsgn": "loss=lsgn does not exist. Did you mean lsgan?",
    "optimizer.generator.learning_rate=interval(0,1)": "is not a key of this configuration",
    "loss.label_smoothing=1,2 loss=hinge,r1": "loss.label_smoothing is not a key",
    "metrics=none": "a search needs scores",
    "metrics=classifier,none": "scores by unequal metrics cannot be compared",
    "metrics.images=100,200": "scores by unequal metrics cannot be compared",
    "data=digits,mnist": "scores by unequal data cannot be compared",
    "experiment=ring_r1,mlp_mnist": "not all trials would have the same monitored score",
    "optimizer.generator.lr=glob(*)": "is no group",
    "hydra.run.dir=here": "is not for a search",
    "hydra/launcher=joblib": "is not for a search",
    "sweep=losses": "is not for a search",
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.items())
def test_what_makes_no_sense_is_refused(words: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        refuse_bad_space(space_of(words.split(), DEFAULT))


def test_trials_are_judged_by_the_score_of_their_metrics() -> None:
    assert refuse_bad_space(space_of(["loss=hinge,lsgan"], DEFAULT)) == ("fid_classifier", "min")
    points = space_of(["experiment=ring_r1"], DEFAULT)
    assert refuse_bad_space(points) == ("within_3_sigma_points", "max")


def test_words_that_the_help_shows_make_sense() -> None:
    help_text = ast.get_docstring(ast.parse((ROOT / "src" / "search.py").read_text()))
    commands = [line.split("search.py ")[1] for line in help_text.splitlines() if line.startswith("  python src/")]
    shown = [line.split("  ")[1] for line in help_text.splitlines() if line.startswith(("  loss=", "  '"))]
    words = [[word for word in shlex.split(line) if not word.startswith(("search.", "resume="))] for line in commands]
    assert len(words) == 4 and len(shown) == 5
    for line in (*words, *(shlex.split(word) for word in shown)):
        refuse_bad_space(space_of(line, DEFAULT))
