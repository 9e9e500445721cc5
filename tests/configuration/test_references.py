"""Where references of a configuration lead, and how much comes of them."""

import pytest
from omegaconf import OmegaConf

from ganforge.configuration.references import LIMIT, leads_outside, refuse_endless_references, resolved

OUTSIDE = ["${oc.env:HOME}", "a ${now:%Y}", "${a.${b}}", "$", "$${a}", "${.a}", ["x", "${a:}"], [{"x": "${a:}"}]]


@pytest.mark.parametrize("value", OUTSIDE, ids=str)
def test_what_is_no_plain_reference_leads_outside(value: object) -> None:
    assert leads_outside(value)


@pytest.mark.parametrize("value", ["${a}", "${model.latent.dim}", "${a}/x ${b}", ["${a}"], "a: b", 5, None], ids=str)
def test_plain_references_stay_inside(value: object) -> None:
    assert not leads_outside(value)


def test_resolved_follows_references_and_refuses_new_ones() -> None:
    config = OmegaConf.create({"a": {"x": "${b}", "y": ["${b}"]}, "b": 3, "dollar": "$", "c": {"z": "${dollar}{b}"}})
    assert resolved(config.a) == {"x": 3, "y": [3]}
    with pytest.raises(ValueError, match="put together of pieces"):
        resolved(config.c)


def chain(links: int, each: int) -> dict[str, str]:
    return {f"a{n}": f"${{a{n + 1}}}" * each for n in range(links)} | {f"a{links}": "x"}


def test_long_chains_are_fine_and_trees_of_references_are_not() -> None:
    refuse_endless_references(chain(100, 1))
    refuse_endless_references(chain(10, 2))
    with pytest.raises(ValueError, match=f"more than {LIMIT:,} characters"):
        refuse_endless_references(chain(60, 2))


def test_references_through_references_are_counted() -> None:
    content = {"data": "${elsewhere}", "elsewhere": {"text": "x" * LIMIT, "list": [1, 2]}}
    refuse_endless_references({**content, "again": "${data.list.1}"} | {"elsewhere": {"text": "x", "list": [1, 2]}})
    with pytest.raises(ValueError, match="more than"):
        refuse_endless_references({**content, "again": "${data.text}"})


CIRCLES = [{"a": "${a}"}, {"a": "${b}", "b": ["${a}"]}, {"a": {"b": "${a}"}}, {"a": "${a.b}"}]


@pytest.mark.parametrize("content", CIRCLES, ids=str)
def test_circles_are_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="lead back to themselves"):
        refuse_endless_references(content)


def test_what_is_not_there_is_left_to_omegaconf() -> None:
    refuse_endless_references({"a": "${b}", "c": "${a.x}", "d": "${e.0}", "e": [], "f": "${e.x}"})
