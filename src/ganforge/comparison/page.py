"""The comparison as one page that needs nothing else; everything that comes from a run is escaped by the template."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ganforge.artifacts.evaluations import Evaluation
from ganforge.artifacts.files import replacing
from ganforge.artifacts.records import leaves
from ganforge.comparison.chart import COLOURS, style, svg
from ganforge.comparison.groups import collected, common
from ganforge.comparison.pictures import Picture, dataset, last_grid, real_grid
from ganforge.comparison.runs import Run
from ganforge.comparison.sections import Group, Section, differences, later, mean_and_deviation, set_aside, titles

SMALL, LARGE = 256, 420
"""Pixels on the screen between which sample grids are shown."""
GLYPHS = {"o": "●", "s": "■", "D": "◆", "^": "▲", "v": "▼", "P": "✚"}
"""What the table shows for the marker in the chart."""
COUNTS = {"fake_images": "fakes", "real_images": "real images"}


def save_page(path: Path, runs: list[Run], groups: dict[str, list[Run]], sections: list[Section]) -> None:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    names = {run.folder: label for label, members in groups.items() for run in members}
    page = environment.get_template("page.html").render(
        title=f"{plural(len(runs), 'run')} of {plural(len(groups), 'configuration')}",
        common=common(groups) if len(groups) > 1 else "",
        differing=list(differences(sections)[0]) if len(sections) > 1 else [],
        sections=[
            section_part(number, *pair) for number, pair in enumerate(zip(titles(sections), sections, strict=True))
        ],
        later=[later_part(pairs, names) for pairs in later(runs)],
        aside=[aside_row(run, why, names) for run, why in set_aside(runs, sections)],
        galleries=galleries(groups),
    )
    with replacing(path) as file:
        file.write(page.encode())


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def section_part(number: int, title: str, section: Section) -> dict[str, Any]:
    score, monitor, digits = section.score, section.monitor, section.digits
    direction = section.direction or f"no direction is configured; the first column is where {monitor} was best"
    return {
        "score": score,
        "special": title.removeprefix(score).removeprefix(" · "),
        "measured": f"{direction.capitalize()}. {measured(section.stamp)}",
        "alt": f"{score} against images seen for {plural(len(section.groups), 'configuration')}",
        "wide": Markup(svg(section, f"wide {number}", narrow=False)),
        "narrow": Markup(svg(section, f"narrow {number}", narrow=True)),
        "best": f"best {score}" if score == monitor else f"{score} at the best {monitor}",
        "rows": [group_row(group, digits) for group in section.groups],
        "fakes": {name: f"{value:,.{digits}f}" for name, value in section.fakes.items()},
        "real": "" if section.real is None else f"{section.real:,.{digits}f}",
        "stamp": stamp_entries(section.stamp),
    }


def group_row(group: Group, digits: int) -> dict[str, Any]:
    columns = (
        (group.best, [curve.best.images_seen for curve in group.curves]),
        (group.last, [curve.last.images_seen for curve in group.curves]),
    )
    return {
        "label": group.label,
        "colour": group.number % len(COLOURS),
        "glyph": GLYPHS[style(group.number)[1]],
        "seeds": ", ".join(str(curve.run.settings.get("seed")) for curve in group.curves),
        "scores": [(*mean_text(scores, digits), span(images)) for scores, images in columns],
    }


def mean_text(scores: list[float], digits: int) -> tuple[str, str]:
    mean, deviation = mean_and_deviation(scores)
    return f"{mean:,.{digits}f}", "" if deviation is None else f"± {deviation:,.{digits}f}"


def span(counts: list[int]) -> str:
    lowest, highest = min(counts), max(counts)
    return f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"


def measured(stamp: dict[str, Any]) -> str:
    """The stamp in a sentence, as far as it has what every stamp of ganforge has."""
    counts = [f"{stamp[name]:,} {what}" for name, what in COUNTS.items() if isinstance(stamp.get(name), int)]
    seen = f", seen by {stamp['extractor']}" if "extractor" in stamp else ""
    return f"{' against '.join(counts)}{seen}; data {stamp.get('data', 'unknown')}."


def stamp_entries(stamp: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, f"{entry:,}" if type(entry) is int else str(entry)) for name, entry in leaves(stamp)]


def later_part(pairs: list[tuple[Run, Evaluation]], names: dict[Path, str]) -> dict[str, Any]:
    scores = list(dict.fromkeys(name for _, evaluation in pairs for name in evaluation.scores))
    stamp = pairs[0][1].stamp
    rows = [
        {
            "run": run.name,
            "label": described(run, names),
            "by": one.by,
            "images": f"{one.images_seen:,}",
            "values": [f"{one.scores[name]:.4g}" if name in one.scores else "" for name in scores],
        }
        for run, one in pairs
    ]
    return {"scores": scores, "rows": rows, "measured": measured(stamp), "stamp": stamp_entries(stamp)}


def described(run: Run, names: dict[Path, str]) -> str:
    """What distinguishes a run, or what was typed for one that never started."""
    return f"{names[run.folder]} seed={run.settings.get('seed')}" if run.folder in names else " ".join(run.overrides)


def aside_row(run: Run, why: str, names: dict[Path, str]) -> dict[str, str]:
    return {
        "run": run.name,
        "label": described(run, names),
        "state": run.state,
        "images": f"{run.training[-1].images_seen:,}" if run.training else "",
        "why": why,
    }


def galleries(groups: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """For each data set its real images, then the last samples of every run."""
    labelled = [(label, run) for label, members in groups.items() for run in members]
    parts: list[dict[str, Any]] = []
    for data, members in collected(labelled, lambda pair: dataset(pair[1])).items():
        reals = [picture for _, run in members if (picture := real_grid(run))][:1]
        figures: list[dict[str, Any]] = [
            {"picture": real, "title": "real images", "caption": data, "alt": f"real images, {data}"} for real in reals
        ]
        figures += [figure for label, run in members if (figure := sample_figure(label, run))]
        if figures:
            parts.append({"figures": figures, "side": side([figure["picture"] for figure in figures])})
    return parts


def sample_figure(label: str, run: Run) -> dict[str, Any] | None:
    grid = last_grid(run)
    if grid is None:
        return None
    images, picture = grid
    seed = f"seed {run.settings.get('seed')}"
    caption = f"{seed} · {images:,} images seen · run {run.name}"
    return {"picture": picture, "title": label, "caption": caption, "alt": f"samples of {label}, {seed}"}


def side(pictures: list[Picture]) -> int:
    """Width on the screen of all pictures: whole screen pixels for each of theirs, where they are small."""
    widest = max(picture.width for picture in pictures)
    return min(widest * max(1, round(SMALL / widest)), LARGE)
