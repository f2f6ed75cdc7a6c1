"""Options of a tool, read from its configuration with its comments, and its --help."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WIDTH = 80
_LINE = re.compile(r"^( *)(- )?([\w@/.]+):(?: +(?!#)(.*?))??(?: +# *(.*))?$")


class Option(NamedTuple):
    """An option as a configuration file states it."""

    name: str  # with the options it lies in: crop.height
    default: str
    about: str  # the comment on its line
    is_group: bool = False  # a choice among the files of conf/NAME


def options(conf: Path, tool: str) -> list[Option]:
    """Return the groups and options of a tool, its own before those that it shares with others."""
    last = {
        option.name: option for option in _options(conf, conf / f"{tool}.yaml", "")
    }  # as Hydra takes them
    found = list(last.values())
    shared = {option.name for option in _options(conf, conf / "base.yaml", "")}
    return sorted(found, key=lambda option: option.name in shared)


def _options(conf: Path, path: Path, package: str) -> Iterator[Option]:
    parents: list[tuple[int, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  - "):
            yield from _default(conf, line)
            continue
        found = _LINE.match(line)
        if not found or found[2]:
            continue
        indent, name, value = len(found[1]), found[3], found[4] or ""
        while parents and parents[-1][0] >= indent:
            parents.pop()
        parents.append((indent, name))
        full = ".".join([*filter(None, [package]), *(parent for _, parent in parents)])
        if parents[0][1] not in ("defaults", "hydra") and name != "_target_" and (value or found[5]):
            yield Option(full, value, found[5] or "")


def _default(conf: Path, line: str) -> Iterator[Option]:
    """Yield the group, or the options of the other file, that an entry of a defaults list names."""
    line = line.replace("- optional ", "- ")
    group = _LINE.match(line)
    name = line.split("#")[0].strip(" -")
    if group and group[3] == "paths":
        yield from _options(conf, conf / "paths" / f"{group[4]}.yaml", "paths")
    elif group:
        yield Option(group[3], group[4] or "null", group[5] or "", is_group=True)
    elif name != "_self_":
        yield from _options(conf, conf / f"{name}.yaml", "")


def usage(conf: Path, tool: str, about: str) -> str:
    """Return the text of ``--help``: description, options, and groups with their choices."""
    known = options(conf, tool)
    lines = [about.strip(), "", "Options, as NAME=VALUE; the values here are those that hold otherwise:", ""]
    lines += [_paragraph(option) for option in known if not option.is_group]
    if groups := [option for option in known if option.is_group]:
        lines += ["", "Groups: NAME=CHOICE takes a file of conf/NAME; its options: NAME.OPTION=VALUE", ""]
        for group in groups:
            lines += [_paragraph(group), *_choices(conf, group.name)]
    lines += [
        "",
        "-m                 several values, NAME=A,B: a job for each, in numbered folders",
        "--cfg job          shows every option with its value, and does nothing",
        "--cfg job -p NAME  those of one group",
    ]
    return "\n".join(lines)


def _paragraph(option: Option) -> str:
    head = f"{option.name}={option.default}"
    if not option.about:
        return f"  {head}"
    one = f"  {head:<26}  {option.about}"
    return one if len(one) <= WIDTH else f"  {head}\n{_indented(option.about)}"


def _indented(text: str) -> str:
    margin = " " * 6
    return textwrap.fill(text, WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)


def _choices(conf: Path, group: str) -> Iterator[str]:
    """Yield the files of a group, and of the groups below it."""
    folder = conf / group.partition("@")[0]
    for part in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]:
        names = ", ".join(sorted(path.stem for path in part.glob("*.yaml")))
        label = "" if part == folder else f"{part.relative_to(conf).as_posix()}: "
        yield _indented(label + names)
