"""Options of a tool, read from its configuration with its comments, and its --help."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
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
    return _once(_options(conf, conf / f"{tool}.yaml", ""))


def choice_options(conf: Path, argument: str) -> list[Option]:
    """Return the options of the choice ``GROUP=CHOICE`` or ``GROUP@PACKAGE=CHOICE``; none of another."""
    group, _, choice = argument.partition("=")
    folder, _, package = group.partition("@")
    path = conf / folder / f"{choice}.yaml"
    if not re.fullmatch(r"[\w./]+", folder) or "/" in choice or not path.is_file():
        return []
    return _once(_options(conf, path, package or folder.replace("/", ".")))


def _once(found: Iterator[Option]) -> list[Option]:
    """Keep the first option of each name: a file's own lines come before those it takes from others."""
    once: dict[str, Option] = {}
    for option in found:
        once.setdefault(option.name, option)
    return list(once.values())


def _options(conf: Path, path: Path, package: str) -> Iterator[Option]:
    parents: list[tuple[int, str]] = []
    others: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  - "):
            if parents and parents[-1][1] == "defaults":  # else an entry of a list that is an option's value
                others.append(line)
            continue
        found = _LINE.match(line)
        if not found or found[2]:
            continue
        indent, name, value = len(found[1]), found[3], found[4] or ""
        while parents and parents[-1][0] >= indent:
            parents.pop()
        parents.append((indent, name))
        full = ".".join([*filter(None, [package]), *(parent for _, parent in parents)])
        hidden = parents[0][1] in ("defaults", "hydra") or name in ("_target_", "_partial_")
        if not hidden and (value or found[5]):
            yield Option(full, value, found[5] or "")
    for line in sorted(others, key=lambda line: line.split()[1] == "base"):
        yield from _default(conf, path.parent, package, line)


def _default(conf: Path, folder: Path, package: str, line: str) -> Iterator[Option]:
    """Yield the group, or the options of the other file, that an entry of a defaults list names."""
    line = line.replace("- optional ", "- ")
    group = _LINE.match(line)
    name = line.split("#")[0].strip(" -")
    if group and group[3] == "paths":
        yield from _options(conf, conf / "paths" / f"{group[4]}.yaml", "paths")
    elif group:
        below = folder.relative_to(conf) / group[3]
        full = group[3].lstrip("/") if group[3].startswith("/") else below.as_posix()
        if group[3].startswith("/") and "@" in full:  # its package is below that of this file
            full = full.replace("@", f"@{package}.")
        yield Option(full, group[4] or "null", group[5] or "", is_group=True)
    elif name != "_self_" and not name.startswith("override "):
        yield from _options(conf, folder / f"{name}.yaml", package)


def usage(conf: Path, tool: str, about: str, arguments: Sequence[str] = ()) -> str:
    """Return the text of ``--help``: description, examples, options, and groups with their choices.

    Of each choice among the `arguments`, such as ``dataset=folder``, there are the options as well.
    """
    known = options(conf, tool)
    lines = [textwrap.fill(part, WIDTH) + "\n" for part in about.replace("`", "").strip().split("\n\n")]
    if shown := examples(conf, tool):
        lines += ["Examples:", "", *(f"  {line}" for line in shown), ""]
    lines += ["Options, as NAME=VALUE, with their defaults; ??? has to be given:", ""]
    lines += [_paragraph(option) for option in known if not option.is_group]
    if groups := [option for option in known if option.is_group]:
        lines += ["", "Groups, as NAME=CHOICE; GROUP=CHOICE --help lists the options of a choice:", ""]
        for group in groups:
            lines += [_paragraph(group), *_choices(conf, group.name)]
    for argument in arguments:
        if chosen := choice_options(conf, argument):
            lines += ["", f"Options of {argument}:", ""]
            lines += [_paragraph(option) for option in chosen]
    lines += [
        "",
        "-m                 several values, NAME=A,B: a job for each, in numbered folders",
        "--cfg job          shows every option with its value, and does nothing",
        "--cfg job -p NAME  those of one group",
    ]
    return "\n".join(lines)


def examples(conf: Path, tool: str) -> list[str]:
    """Return the command lines in the head of a tool's configuration, long ones in several lines."""
    head = (conf / f"{tool}.yaml").read_text(encoding="utf-8").partition("defaults:")[0]
    commands = re.findall(rf"^# (dsmnet {tool}\b.*)", head, re.MULTILINE)
    return [line for command in commands for line in _broken(command)]


def _broken(command: str) -> list[str]:
    """Break a command as a shell takes it; quotes hold no blanks."""
    lines = textwrap.wrap(command, WIDTH - 4, subsequent_indent="    ", break_long_words=False)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


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
        label = "one of " if part == folder else f"{part.relative_to(conf).as_posix()}: "
        yield _indented(label + names)
