"""Write the tables of DOCUMENTS that are marked there, from the code and from what docs/runs has measured."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from dsmnet.datasets.subsets import LISTS, read_names

_ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = tuple(
    _ROOT / name
    for name in (
        "README.md",
        "data/README.md",
        "docs/data.md",
        "docs/index.md",
        "docs/model_zoo.md",
        "docs/results.md",
    )
)
_MORE = {part: part for part in ("noc", "foreground", "calibration")} | {"right_disparity": "both views"}
_NAMES = {  # of the sets of pairs in docs/runs/lite_cpu_results.json
    "kitti2015": "KITTI 2015",
    "kitti2012": "KITTI 2012",
    "middlebury": "MiddEval3 quarter",
    "middlebury2006": "Middlebury 2006 third",
    "eth3d": "ETH3D",
}
_SHARED = ("_target_", "root", "require_ground_truth", "subset")  # options of every set


Reader = tuple[Any, str]  # class of a data set, and its yaml


def find_readers() -> Iterator[Reader]:
    """Yield the published data sets of conf/dataset."""
    for path in sorted((_ROOT / "conf" / "dataset").glob("*.yaml")):
        yaml = path.read_text("utf-8")
        module, name = re.findall(r"^_target_: (\S+)\.(\w+)$", yaml, re.MULTILINE)[0]
        cls = getattr(import_module(module), name)
        if getattr(cls, "about", None):
            yield cls, yaml


def document_sections() -> dict[str, str]:
    """Return the text of each section that is marked in the documents, by its name."""
    readers = list(find_readers())
    sets = ("`dataset=`", "what it is", "pairs", "size", "beside the left disparity", "licence")
    return {
        "sets": _table(sets, map(_set_row, readers)),
        "options": _table(("`dataset=`", "options"), map(_options_row, readers)),
        "lists": _table(("list", "pairs", "what it is"), map(_list_row, sorted(LISTS.glob("*.txt")))),
        "archives": _table(("`dataset=`", "folder", "where from"), map(_archives_row, readers)),
        **_network_sections(),
        **_error_sections(),
        "norm_adaptation": _adaptation_table(),
    }


def _network_sections() -> dict[str, str]:
    facts = yaml.safe_load((_ROOT / "docs" / "networks.yaml").read_text("utf-8"))
    runs = json.loads((_ROOT / "docs" / "runs" / "networks.json").read_text("utf-8"))
    what = ("`model=`", "what it is", "authors' code", "authors' weights", "published form")
    overview = (
        "`model=`",
        "KITTI 2015, %",
        "Middlebury, %",
        "M parameters",
        "GMACs",
        "ms, CPU",
        "code",
        "weights",
    )
    size = ("`model=`", "M parameters", "GMACs", "s", "s, bfloat16", "peak MiB", "peak MiB, bfloat16")
    errors = ("`model=`", "KITTI 2012", "KITTI 2015", "Middlebury", "ETH3D", "source")
    return {
        "zoo": _table(overview, (_overview_row(name, fact, runs.get(name)) for name, fact in facts.items())),
        "networks": _table(what, (_network_row(name, fact) for name, fact in facts.items())),
        "times": _table(size, (_time_row(name, runs[name]) for name in facts if name in runs)),
        "zero_shot": _table(errors, (_zero_shot_row(name, fact) for name, fact in facts.items())),
    }


def _error_sections() -> dict[str, str]:
    run = json.loads((_ROOT / "docs" / "runs" / "lite_cpu_results.json").read_text("utf-8"))
    of = {"dsmnet_lite": run["sets"], **{name: other["sets"] for name, other in run["compared"].items()}}
    of["sgbm"] = run["baselines"]["sgbm"]["sets"]
    metrics = {"epe": "EPE px", "bad1": "bad-1 %", "bad2": "bad-2 %", "bad3": "bad-3 %", "d1": "D1 %"}
    text = [f"  {'set':<17}{'method':<14}pixels{''.join(f'{name:>9}' for name in metrics.values())}   images"]
    home, pairs = [], []
    for name, said in _NAMES.items():
        lite, sgbm = of["dsmnet_lite"][name], of["sgbm"][name]
        for method, entry in (("dsmnet_lite", lite), ("sgbm", sgbm)):
            scores = "".join(f"{_score(entry, metric):>9}" for metric in metrics)
            first = name if entry is lite else ""
            text.append(f"  {first:<17}{method:<14}{entry['pixels_used']:<6}{scores}   {entry['images']:>6}")
        home.append(
            _row(said, str(lite["images"]), lite["pixels_used"], *(_score(e, "bad2") for e in (lite, sgbm)))
        )
        for method, sets in of.items():
            first = f"{said} ({lite['images']}, {lite['pixels_used']})" if method == "dsmnet_lite" else ""
            pairs.append(_row(first, method, *(_score(sets[name], metric) for metric in metrics)))
    return {
        "errors_text": "```text\n" + "\n".join(text) + "\n```",
        "errors_home": _table(("set", "pairs", "pixels", "`dsmnet_lite`", "StereoSGBM"), home),
        "errors_pairs": _table(("set", "method", *metrics.values()), pairs),
    }


def _adaptation_table() -> str:
    runs = json.loads((_ROOT / "docs" / "runs" / "norm_adaptation.json").read_text("utf-8"))
    columns = {
        "kitti2015_last5_d1": "KITTI 2015, last 5, D1 %",
        "kitti2015_first5_d1": "first 5, D1 %",
        "middlebury_bad2": "MiddEval3 bad-2 %",
        "middlebury2006_bad2": "Middlebury 2006 bad-2 %",
        "eth3d_bad1": "ETH3D bad-1 %",
    }
    rows = []
    for norm, methods in runs.items():
        for method, seeds in methods.items():
            each = [[run[column] for run in seeds.values()] for column in columns]
            said = [f"{fmean(values):.1f} ({', '.join(f'{v:.1f}' for v in values)})" for values in each]
            rows.append(_row(norm if method == next(iter(methods)) else "", method, *said))
    return _table(("norm", "", *columns.values()), rows)


def _score(entry: Mapping[str, Any], metric: str) -> str:
    return f"{entry[metric]:.{2 if metric == 'epe' else 1}f}"


def update_document(text: str) -> str:
    """Return the text of a document with its marked sections as they should be."""
    for name, section in document_sections().items():
        start, end = f"<!-- {name}: python docs/tables.py -->\n\n", "\n\n<!-- end -->"
        if start in text:
            before, rest = text.split(start, 1)
            text = before + start + section + end + rest.split(end, 1)[1]
    return text


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: tuple[str, ...], rows: Iterable[str]) -> str:
    return "\n".join([_row(*head), "|" + "---|" * len(head), *filter(None, rows)])


def _set_row(reader: Reader) -> str:
    cls, _ = reader
    layouts = cls.tree().layouts
    more = [said for part, said in _MORE.items() if any(getattr(layout, part) for layout in layouts)]
    module = inspect.getmodule(cls)
    description = str(module and module.__doc__).split(": ", 1)[-1].strip().rstrip(".")
    pairs = cls.about.pairs
    if isinstance(pairs, Mapping) and len(pairs) < 7:
        said = ", ".join(f"{name} {count:,}" for name, count in pairs.items())
    else:
        published = cls.published()
        said = "–" if published is None else f"{published:,}"
    home = f"[`{cls.name}`]({cls.about.home})"
    return _row(home, description, said, cls.about.size, ", ".join(more) or "–", cls.about.licence)


def _options_row(reader: Reader) -> str:
    cls, yaml = reader
    stated = re.findall(r"^(\w+): (.*?)  # (.*)$", yaml, re.MULTILINE)
    own = [option for option in stated if option[0] not in _SHARED]
    said = [f"`{option}={default}`: {comment}" for option, default, comment in own]
    return _row(f"`{cls.name}`", "; ".join(said).replace(" | ", ", ")) if said else ""


def _list_row(path: Path) -> str:
    head = " ".join(re.findall(r"^# *(.*)$", path.read_text("utf-8"), re.MULTILINE))
    return _row(f"`{path.stem}`", f"{len(read_names(path.stem)):,}", head)


def _archives_row(reader: Reader) -> str:
    cls, yaml = reader
    folder = re.findall(r"^root: \$\{paths\.data\}/(\S+)", yaml, re.MULTILINE)[0]
    source = f"[home page]({cls.about.home}): {cls.about.download}"
    return _row(f"`{cls.name}`", f"`{folder}`", source)


def _overview_row(name: str, fact: Mapping[str, Any], run: Mapping[str, Any] | None) -> str:
    errors = fact.get("zero_shot", [None] * 4)
    size = (f"{run['parameters'] / 1e6:.2f}", f"{run['multiply_adds'] / 1e9:.0f}") if run else ("–", "–")
    time = f"{1000 * run['float32']['seconds']:.0f}{_mark(run)}" if run else "–"
    code = fact.get("licence", "Apache-2.0")
    return _row(f"`{name}`", str(errors[1] or "–"), str(errors[2] or "–"), *size, time, code, fact["weights"])


def _network_row(name: str, fact: Mapping[str, Any]) -> str:
    code = f"[{fact['licence']}]({fact['code']})" if "code" in fact else "–"
    command = f"`python tools/train.py model={name} {fact['options']}`"
    return _row(f"`{name}`", fact["paper"], code, fact["weights"], command)


def _time_row(name: str, run: Mapping[str, Any]) -> str:
    measured = [run.get(precision) for precision in ("float32", "bfloat16")]
    times = [f"{each['seconds']:.2f}{_mark(run)}" if each else "–" for each in measured]
    memory = [f"{each['memory']:.0f}" if each else "–" for each in measured]
    return _row(
        f"`{name}`", f"{run['parameters'] / 1e6:.2f}", f"{run['multiply_adds'] / 1e9:.0f}", *times, *memory
    )


def _mark(run: Mapping[str, Any]) -> str:
    return "" if run["instructions"] == "AVX512" else " †"  # which the page explains


def _zero_shot_row(name: str, fact: Mapping[str, Any]) -> str:
    return _row(f"`{name}`", *map(str, fact["zero_shot"]), fact["source"]) if "zero_shot" in fact else ""


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(update_document(document.read_text("utf-8")), "utf-8")
