"""What the check of data sets found, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from dsmnet.datasets.catalog import NOT_FOUND, PASSED_OVER, Source
from dsmnet.datasets.health_check import SetReport
from dsmnet.errors import first_of, printable

HEADER = (
    *("set", "pairs", "published", "read", "with ground truth", "width×height"),
    *("disparity, px", "known", "seen by both", "problems"),
)


def markdown(
    reports: Sequence[SetReport], where: str, sources: Sequence[Source], most: int | None = None
) -> str:
    """Write the report of a folder: a table of the sets, incomplete ones, problems, and how to get each set.

    The `sources` are those of the sets checked and of those looked for. Problems after the first `most`, None
    for all, are only counted.
    """
    lines = ["# Data", "", f"Searched: `{where}`", "", "| " + " | ".join(HEADER) + " |"]
    lines.append("|---|" + "---:|" * (len(HEADER) - 1))
    lines += ["| " + " | ".join(row(report)) + " |" for report in reports]
    missing = [source.name for source in sources if source.state == NOT_FOUND]
    if missing:
        lines += ["", f"Not found: {', '.join(missing)}. `data/README.md` draws the trees that are expected."]
    passed_over = [source.name for source in sources if source.state == PASSED_OVER]
    if passed_over:
        lines += ["", f"Passed over, they need options of their own: {', '.join(passed_over)}."]
    if counts := [f"- {note}" for report in reports if (note := count_note(report))]:
        lines += ["", "## Not as many pairs as published", "", *counts]
    if measured := [report for report in reports if report.rows]:
        lines += ["", "## Difference of rows between left and right view", ""]
        lines += [f"- {report.name}: {max(report.rows):.2f} px at most" for report in measured]
    lines += ["", "## Problems", ""]
    problems = [problem for report in reports for problem in report.problems]
    lines += [f"- {line}" for line in first_of(problems, most or len(problems))] or ["None."]
    known = [source for source in sources if source.about]
    if known:
        lines += ["", "## Where the sets come from", "", *(_origin(source) for source in known)]
    return "\n".join(map(printable, lines)) + "\n"


def count_note(report: SetReport) -> str | None:
    """Say that a set does not have as many pairs as its authors state; None if it has."""
    if report.published is None or report.pairs == report.published:
        return None
    return f"{report.name}: {report.pairs} found, {report.published} published"


def row(report: SetReport) -> list[str]:
    """Return a set's line of the table, in the order of `HEADER`."""
    sizes = sorted(report.sizes, key=lambda size: (size[1], size[0]))
    size = f"{sizes[0][1]}×{sizes[0][0]}" if sizes else "-"
    if len(sizes) > 1:
        size += f" to {sizes[-1][1]}×{sizes[-1][0]}"
    return [
        report.name,
        str(report.pairs),
        "-" if report.published is None else str(report.published),
        str(report.checked),
        str(report.with_ground_truth),
        size,
        f"{report.lowest:.1f} to {report.highest:.1f}" if report.known_pixels else "-",
        f"{report.known_pixels / report.ground_truth_pixels:.1%}" if report.ground_truth_pixels else "-",
        f"{report.noc_pixels / report.mask_pixels:.1%}" if report.mask_pixels else "-",
        str(len(report.problems)),
    ]


def _origin(source: Source) -> str:
    assert source.about is not None
    home, licence, paper = source.about[:3]
    pairs = f", {source.published} pairs" if source.published is not None else ""
    return f"- {source.name} ({source.state}{pairs}): {home}; licence: {licence}; {paper}"
