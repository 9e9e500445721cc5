"""The page as a browser reads it."""

import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ganforge.comparison.groups import grouped
from ganforge.comparison.page import save_page, side
from ganforge.comparison.pictures import Picture
from ganforge.comparison.runs import find_runs
from ganforge.comparison.sections import sections

Make = Callable[..., Path]
EVIL = "<script>alert(1)</script>"
QUOTES = "\"' onload=alert(1) & {{ 1 }} <b>"


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(folder: Path) -> str:
    runs = find_runs([folder])
    groups = grouped(runs)
    save_page(folder / "page.html", runs, groups, sections(groups))
    return (folder / "page.html").read_text()


@pytest.fixture
def evil(make_run: Make, tmp_path: Path) -> str:
    """The page of runs that try to be more than text wherever they can."""
    make_run(EVIL, {1000: 1.0}, f"loss={EVIL}", f"name={QUOTES}", stamp={"split": QUOTES, EVIL: EVIL})
    folder = make_run("other", {1000: 2.0, 2000: 1.0}, "loss=lsgan", seed=1)
    line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0]) | {"by": EVIL}
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line | {"scores": {EVIL: 1}}) + "\n")
    (tmp_path / "failed").mkdir()
    failed = {"state": EVIL, "error": QUOTES, "overrides": [EVIL]}
    (tmp_path / "failed" / "status.json").write_text(json.dumps(failed))
    return written(tmp_path)


def test_what_comes_from_a_run_is_only_text(evil: str) -> None:
    page = Page(evil)
    assert not page.all("script") and not page.all("b")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count(EVIL) >= 6
    assert QUOTES in page.text
    assert "default-src 'none'" in evil


def test_the_page_needs_nothing_else(evil: str) -> None:
    page = Page(evil)
    links = [
        value or ""
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action")
    ]
    assert links and all(link.startswith(("data:image/png;base64,", "#")) for link in links)
    assert not page.all("link") and "@import" not in evil
    assert all(url.startswith("#") for url in re.findall(r"url\(([^)]*)\)", evil))


def test_charts_do_not_share_clip_paths(evil: str) -> None:
    clips = Counter(attributes["id"] for attributes in Page(evil).all("clippath"))
    assert clips and max(clips.values()) == 1


def test_unequal_stamps_are_said_in_words(evil: str) -> None:
    text = " ".join(Page(evil).text.split())
    assert "in 2 separate parts and must not be compared across them. What differs: split" in text
    assert "Evaluated later" in text and "Not finished, or without scores" in text


def test_table_of_means_over_seeds(make_run: Make, tmp_path: Path) -> None:
    for seed, score in enumerate([1000.0, 1200.0], 1):
        make_run(str(seed), {1000: 5000.0, 20_000: score}, "loss=hinge", seed=seed)
    text = " ".join(Page(written(tmp_path)).text.split())
    assert "2 runs of 1 configuration" in text
    assert "● loss=hinge 1, 2 1,100.00 ± 141.42 20,000 1,100.00 ± 141.42 20,000 ╌ real images 0.50 0.50" in text
    assert "configuration seeds best fid images seen last fid images seen" in text
    assert "Lower is better. 10 fakes, seen by classifier:1; data digits:2." in text


def test_real_images_once_for_each_data_set(make_run: Make, tmp_path: Path) -> None:
    for number, data in enumerate(["digits:2", "digits:2", "mnist:3"]):
        make_run(str(number), {1000: 1.0}, seed=number, stamp={"data": data})
    pictures = Page(written(tmp_path)).all("img")
    assert [picture["alt"] for picture in pictures if str(picture["alt"]).startswith("real")] == [
        "real images, digits:2, 4 pixels",
        "real images, mnist:3, 4 pixels",
    ]
    assert len(pictures) == 5


def test_a_page_without_scores_shows_the_samples(make_run: Make, tmp_path: Path) -> None:
    make_run("0", {}, "loss=hinge")
    page = Page(written(tmp_path))
    assert len(page.all("img")) == 2 and not page.all("svg")
    assert "has no scores" in page.text and "loss=hinge seed=0" in " ".join(page.text.split())


@pytest.mark.parametrize(("widths", "shown"), [([265], 265), ([137], 274), ([137, 265], 265), ([2057], 420)])
def test_small_pictures_are_enlarged_by_whole_numbers(widths: list[int], shown: int) -> None:
    assert side([Picture("", width, width) for width in widths]) == shown
