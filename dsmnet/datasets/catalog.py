"""What is known of a data set before any pair is read: its origin, its size, whether it is there.

``python -m dsmnet.datasets.catalog`` writes the tables of docs/data.md and data/README.md.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.subsets import LISTS, read_names

FOUND, NOT_FOUND, PASSED_OVER = "found", "not found", "passed over"
_MANDATORY = "???"  # what a configuration holds in the place of an option that has to be given
_OWN_OPTIONS = ("parts", "left", "right")  # what a mixture, or a folder of no set's form, is made of


class Source(NamedTuple):
    """Where a data set comes from, and whether it is there."""

    name: str
    state: str  # `FOUND`, `NOT_FOUND` or `PASSED_OVER`
    published: int | None  # pairs, where the authors state it and not only a subset is wanted
    about: About | None


def find_source(name: str, dataset: Any, options: Mapping[str, Any], state: str | None = None) -> Source:
    """Describe a data set.

    Args:
        name: Name of its configuration.
        dataset: Class of the data set, or whatever else makes it.
        options: Its arguments; ``root`` is its folder, absent for sets without files.
        state: Known state of it; else it is passed over if it cannot be built without options of its own,
            and found if its folder is there.
    """
    if state is None:
        there = "root" not in options or Path(options["root"] or "").expanduser().is_dir()
        state = PASSED_OVER if _needs_options(options) else FOUND if there else NOT_FOUND
    whole = state != PASSED_OVER and options.get("subset") is None
    published = published_pairs(dataset, options) if whole else None
    return Source(name, state, published, getattr(dataset, "about", None))


def published_pairs(dataset: Any, options: Mapping[str, Any]) -> int | None:
    """Return the number of pairs that the authors state; None where they do not, or there is no number.

    Args:
        dataset: Class of the data set, or whatever else makes it.
        options: Its arguments; those that choose a part of it (split, resolution) are passed on.

    Raises:
        UserError: Such an option has a value that it cannot have.
    """
    published = getattr(dataset, "published", None)
    tree = getattr(dataset, "tree", None)
    if published is None or tree is None:
        return None
    chosen = {name: options[name] for name in inspect.signature(tree).parameters if name in options}
    tree(**chosen)  # it knows which values there are
    number: int | None = published(**chosen)
    return number


def _needs_options(options: Mapping[str, Any]) -> bool:
    """Say whether a set is one of files that its user has to name first: a mixture, or any folder."""
    own = [option for option in _OWN_OPTIONS if option in options]
    unset = any(options[option] is None for option in own) or options.get("root", ".") is None
    return unset or _MANDATORY in options.values() or (bool(own) and "root" not in options)


_ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (_ROOT / "docs" / "data.md", _ROOT / "data" / "README.md")
_MORE = {part: part for part in ("noc", "foreground", "calibration")} | {"right_disparity": "both views"}
_SHARED = ("_target_", "root", "require_ground_truth", "subset")  # options of every set


class Reader(NamedTuple):
    """A published data set, as its class and its yaml describe it."""

    name: str
    cls: type[StereoDataset]
    yaml: str
    about: About


def find_readers() -> Iterator[Reader]:
    """Yield the published data sets of conf/dataset."""
    for path in sorted((_ROOT / "conf" / "dataset").glob("*.yaml")):
        yaml = path.read_text("utf-8")
        module, name = re.findall(r"^_target_: (\S+)\.(\w+)$", yaml, re.MULTILINE)[0]
        cls = getattr(import_module(module), name)
        if about := getattr(cls, "about", None):
            yield Reader(path.stem, cls, yaml, about)


def document_sections() -> dict[str, str]:
    """Return the text of each section that is marked in the documents, by its name."""
    readers = list(find_readers())
    return {
        "sets": _table(
            ("`dataset=`", "what it is", "pairs", "size", "beside the left disparity", "licence"),
            map(_set_row, readers),
        ),
        "options": _table(("`dataset=`", "options"), map(_options_row, readers)),
        "lists": _table(("list", "pairs", "what it is"), map(_list_row, sorted(LISTS.glob("*.txt")))),
        "archives": _table(("`dataset=`", "folder", "where from"), map(_archives_row, readers)),
    }


def update_document(text: str) -> str:
    """Return the text of a document with its marked sections as they should be."""
    for name, section in document_sections().items():
        start, end = f"<!-- {name}: python -m dsmnet.datasets.catalog -->\n\n", "\n\n<!-- end -->"
        if start in text:
            before, rest = text.split(start, 1)
            text = before + start + section + end + rest.split(end, 1)[1]
    return text


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: tuple[str, ...], rows: Iterable[str]) -> str:
    return "\n".join([_row(*head), "|" + "---|" * len(head), *filter(None, rows)])


def _set_row(reader: Reader) -> str:
    layouts = reader.cls.tree().layouts
    more = [said for part, said in _MORE.items() if any(getattr(layout, part) for layout in layouts)]
    module = inspect.getmodule(reader.cls)
    description = str(module and module.__doc__).split(": ", 1)[-1].strip().rstrip(".")
    pairs = reader.about.pairs
    if isinstance(pairs, Mapping) and len(pairs) < 7:
        said = ", ".join(f"{name} {count:,}" for name, count in pairs.items())
    else:
        published = reader.cls.published()
        said = "–" if published is None else f"{published:,}"
    home = f"[`{reader.name}`]({reader.about.home})"
    return _row(home, description, said, reader.about.size, ", ".join(more) or "–", reader.about.licence)


def _options_row(reader: Reader) -> str:
    stated = re.findall(r"^(\w+): (.*?)  # (.*)$", reader.yaml, re.MULTILINE)
    own = [option for option in stated if option[0] not in _SHARED]
    said = [f"`{option}={default}`: {comment}" for option, default, comment in own]
    return _row(f"`{reader.name}`", "; ".join(said).replace(" | ", ", ")) if said else ""


def _list_row(path: Path) -> str:
    head = re.findall(r"^# *(.*)$", path.read_text("utf-8"), re.MULTILINE)
    return _row(f"`{path.stem}`", f"{len(read_names(path.stem)):,}", " ".join(head))


def _archives_row(reader: Reader) -> str:
    folder = re.findall(r"^root: \$\{paths\.data\}/(\S+)", reader.yaml, re.MULTILINE)[0]
    about = reader.about
    return _row(f"`{reader.name}`", f"`{folder}`", f"[home page]({about.home}): {about.download}")


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(update_document(document.read_text("utf-8")), "utf-8")
