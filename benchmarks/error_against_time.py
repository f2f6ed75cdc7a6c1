"""Figure of error against time, from files of tools/benchmark.py and tools/evaluate.py.

python -m benchmarks.error_against_time BENCHMARK.json RESULTS.json ["torch bfloat16=RESULTS.json" ...]
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure

from dsmnet.atomic import atomic_write
from dsmnet.errors import UserError
from dsmnet.options import check_choice
from dsmnet.viz.figures import COLORS

_COLORS = tuple(COLORS[index] for index in (0, 2, 5, 3, 4))  # the ones that text is legible in
_UNITS = {"epe": "EPE, px", "d1": "D1, %", "bad1": "bad-1, %", "bad2": "bad-2, %", "bad3": "bad-3, %"}


class Point(NamedTuple):
    """What one network or matcher does."""

    network: str
    backend: str
    milliseconds: float
    error: float


def points(
    benchmark: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], set_name: str, metric: str
) -> list[Point]:
    """Return what was both timed and scored.

    Args:
        benchmark: Content of benchmark.json, with the part backends.
        results: Contents of results.json by the back end that they hold for; ``""`` for all in float32 and
            StereoSGBM ``hh``.
        set_name: Name of the set in results.json.
        metric: Metric of it.

    Raises:
        UserError: A file has no such part or set, or they have nothing in common.
    """
    rows = benchmark.get("parts", {}).get("backends", [])
    pair = rows[0]["network"]["pair"] if rows else None
    found = []
    for row in rows:
        network = row["network"]
        name, backend = network["name"], network["backend"]
        general = "" if backend.endswith("float32") or backend == "hh" else None
        source = results.get(backend, results.get(general) if general is not None else None)
        score = source and _scores(source, name).get(set_name)
        if score and network["pair"] == pair:
            found.append(Point(name, backend, 1e3 * row["seconds"], score[metric]))
    if not found:
        raise UserError(f"nothing was both timed (part backends) and scored on {set_name}")
    return found


def _scores(results: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Scores of a network or of StereoSGBM by set; empty where it was not scored."""
    if name == "StereoSGBM":
        return _sets(results.get("baselines", {}).get("sgbm"))
    if name in (results.get("label"), results.get("model")):
        return _sets(results)
    return _sets(results.get("compared", {}).get(name))


def _sets(entry: Mapping[str, Any] | None) -> Mapping[str, Any]:
    sets: Mapping[str, Any] = (entry or {}).get("sets", {})
    return sets


def error_against_time(found: Sequence[Point], pair: str, error: str) -> Figure:
    """Draw the points, a color for each network, the back end beside each point.

    Args:
        found: Points, see `points`.
        pair: Size and search range that was timed.
        error: Label of the error's axis, with its unit.
    """
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(point.network for point in found))
    for name, color in zip(names, itertools.cycle(_COLORS)):
        own = [point for point in found if point.network == name]
        axes.plot([p.milliseconds for p in own], [p.error for p in own], "o", color=color, markersize=7)
        lowest = min(own, key=lambda point: point.error)
        place: dict[str, Any] = {"textcoords": "offset points", "color": color}
        axes.annotate(
            name, (lowest.milliseconds, lowest.error), (0, -22), ha="center", weight="bold", **place
        )
        for point in own:  # slanted, or those of points side by side would cover each other
            at = (point.milliseconds, point.error)
            axes.annotate(point.backend, at, (4, 6), rotation=65, fontsize=8, **place)
    axes.set_xscale("log", subs=(2, 3, 5))
    axes.set_xlim(0.7 * min(p.milliseconds for p in found), 1.5 * max(p.milliseconds for p in found))
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks("{x:.0f}")
    axes.set_ylim(0, 1.3 * max(p.error for p in found))
    axes.set_xlabel(f"time of a pair of {pair}, ms")
    axes.set_ylabel(error)
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the files and write the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("benchmark", type=Path, help="benchmark.json with the part backends")
    parser.add_argument("results", nargs="+", help="results.json; BACKEND=FILE where it holds for one alone")
    parser.add_argument("--set", default="kitti2015", help="name of the set in results.json")
    parser.add_argument("--metric", default="d1", help=", ".join(_UNITS))
    parser.add_argument("--output", type=Path, default=Path("error_against_time.svg"), help="picture")
    options = parser.parse_args(arguments)
    try:
        _write(options)
    except UserError as error:
        raise SystemExit(str(error)) from error


def _write(options: argparse.Namespace) -> None:
    check_choice("metric", options.metric, _UNITS)
    benchmark = _read(options.benchmark)
    by_backend = {}
    for given in options.results:
        backend, _, file = given.rpartition("=")
        by_backend[backend] = _read(Path(file))
    found = points(benchmark, by_backend, options.set, options.metric)
    pair = benchmark["parts"]["backends"][0]["network"]["pair"]
    figure = error_against_time(found, pair, f"{options.set}: {_UNITS[options.metric]}")
    write_figure(figure, options.output)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the file's name ends in, else as SVG."""
    kind = path.suffix[1:] or "svg"
    # Text stays text, and the same numbers give the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "dsmnet"}), atomic_write(path) as part:
        figure.savefig(part, format=kind, metadata={"Date": None} if kind == "svg" else None, dpi=150)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: expected a JSON file ({error})") from error


if __name__ == "__main__":
    main()
