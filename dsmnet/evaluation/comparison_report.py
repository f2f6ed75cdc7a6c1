"""A comparison for people: on the terminal, as Markdown, and what its picture shows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from dsmnet.atomic import write_text
from dsmnet.errors import count
from dsmnet.evaluation.comparison import ADAPTED, Comparison, Statistic
from dsmnet.evaluation.protocol import METRIC_NAMES, METRICS, describe_rules
from dsmnet.evaluation.report import HEADINGS, score_text
from dsmnet.evaluation.text_table import TextTable, markdown_text, safe
from dsmnet.options import check_choice
from dsmnet.viz.dotplot import DotPanel, Dots

_SOURCE = "source validation"


def check_metric(metric: str | None) -> str | None:
    """Return the option ``metric`` if there is such a metric."""
    return check_choice("metric", metric, (None, *METRICS))


def comparison_tables(comparison: Comparison, metric: str | None = None) -> Iterator[TextTable]:
    """Yield the table of EPE and that of the metrics by which methods are ranked, or the one of `metric`."""
    shown = metric or "epe"
    yield _table(comparison, METRIC_NAMES[shown], dict.fromkeys(comparison.sets, shown))
    if metric is None:
        chosen = {name: comparison.rules[name].headline or "bad3" for name in comparison.sets}
        yield _table(comparison, "The customary share of wrong pixels", chosen)


def comparison_notes(comparison: Comparison) -> list[str]:
    """Return the sentences that belong under the tables."""
    lines = [
        "Mean ± sample standard deviation over n seeds of what the evaluation of each found.",
        f"Order: the {_SOURCE} EPE, the smallest val/epe of a training, on the validation split of what it "
        "was trained on. It alone chose the weights; no set to its right did.",
        f"Search range of the evaluation: {comparison.protocol['max_disparity']}.",
        *describe_rules(comparison.rules),
    ]
    if any(group.label.endswith(ADAPTED) for group in comparison.groups):
        lines.append(f"{ADAPTED.strip(' +')}: batch norms adapted to each set's images, without labels.")
    for group in comparison.groups:
        for name in comparison.sets:
            values = group.on(name, "epe").values
            if seeds := ", ".join(str(seed) for seed in values if math.isinf(values[seed])):
                lines.append(
                    f"{group.label}, {name}: predictions that are nan or infinite with seed {seeds}."
                )
    return lines


def comparison_panels(comparison: Comparison, metric: str) -> tuple[list[str], list[DotPanel], str]:
    """Return what `dsmnet.viz.dot_plot` takes: rows' names, a panel per column of the table, a title."""
    groups = comparison.groups
    sources = [_dots(group.source_epe) for group in groups]
    drawn = [DotPanel(_SOURCE, "EPE px · rows are sorted by it", sources)]
    for name, images in comparison.sets.items():
        values = [_dots(group.on(name, metric)) for group in groups]
        drawn.append(DotPanel(name, f"{HEADINGS[metric]} · {count(images, 'image')}", values))
    return [group.label for group in groups], drawn, f"{METRIC_NAMES[metric]} by {_by(comparison)}"


def comparison_markdown(comparison: Comparison, metric: str | None = None) -> str:
    """Return the tables and their notes as Markdown; the smallest mean of each column is bold."""
    lines = [f"# Trainings by {_by(comparison)}", ""]
    for table in comparison_tables(comparison, metric):
        lines += [f"## {table.title}", "", *table.markdown(), ""]
    return markdown_text([*lines, *(f"- {line}" for line in comparison_notes(comparison)), ""])


def show_comparison(
    comparison: Comparison, metric: str | None = None, console: Console | None = None
) -> None:
    """Print the tables, the smallest mean of each column highlighted, and the notes below."""
    console = console or Console()
    for table in comparison_tables(comparison, metric):
        table.show(console)
    for line in comparison_notes(comparison):
        console.print(safe(line), soft_wrap=True)


def write_comparison(comparison: Comparison, folder: Path, metric: str | None = None) -> None:
    """Write comparison.json and comparison.md."""
    text = json.dumps(comparison.to_dict(), indent=2, allow_nan=False)
    write_text(folder / "comparison.json", text + "\n")
    write_text(folder / "comparison.md", comparison_markdown(comparison, metric))


def _table(comparison: Comparison, title: str, metrics: dict[str, str]) -> TextTable:
    headings = [(_by(comparison),), ("n",), (_SOURCE, HEADINGS["epe"])]
    headings += [(name, HEADINGS[metric]) for name, metric in metrics.items()]
    rows, means = [], []
    for group in comparison.groups:
        values = [(group.source_epe, "epe")]
        values += [(group.on(name, metric), metric) for name, metric in metrics.items()]
        cells = [statistic_text(statistic, metric, len(group.seeds)) for statistic, metric in values]
        rows.append((group.label, str(len(group.seeds)), *cells))
        means.append([statistic.mean for statistic, _ in values])
    least = [min(filter(math.isfinite, column), default=None) for column in zip(*means, strict=True)]
    best = [
        (False, False, *(len(rows) > 1 and mean == low for mean, low in zip(row, least, strict=True)))
        for row in means
    ]
    return TextTable(title, headings, rows, best)


def statistic_text(statistic: Statistic, metric: str, seeds: int) -> str:
    """Return mean ± sd with the number of values where it is not that of the group's seeds."""
    if not statistic.values:
        return "–"
    sd = "–" if math.isnan(statistic.sd) else score_text(statistic.sd, metric)
    few = f" (n={len(statistic.values)})" if len(statistic.values) != seeds else ""
    return f"{score_text(statistic.mean, metric)} ± {sd}{few}"


def _by(comparison: Comparison) -> str:
    return ", ".join(comparison.by) or "run"


def _dots(statistic: Statistic) -> Dots:
    return Dots(list(statistic.values.values()), statistic.mean, statistic.sd)
