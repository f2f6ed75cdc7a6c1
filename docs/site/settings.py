"""The options of a configuration file, with their defaults and meanings, for the reference of the site."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from pydoc import locate
from typing import NamedTuple

import yaml

_INTERNAL = ("defaults", "hydra", "_target_", "_partial_", "_recursive_", "_convert_", "_args_")
_SETTERS = ("experiment/", "recipe/")  # groups whose files set options of others
_ARGUMENTS = re.compile(r"^Args:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"^ {4}([\w*, ]+?): (.*(?:\n {8,}.*)*)", re.MULTILINE)


class Setting(NamedTuple):
    """An option of a file."""

    name: str  # with the options it lies in: crop.height
    default: str
    about: str  # comment on its line, else what the class it is handed to says of it


def describe_files(conf: Path) -> dict[str, list[Setting]]:
    """Return the options of every file, by its name (``train``, ``norm/domain``).

    An option without a meaning of its own has the one that another file of its group states, or the group or
    program that it is an option of, as those that an experiment sets.
    """
    files = {
        path.relative_to(conf).with_suffix("").as_posix(): read_settings(path)
        for path in sorted(conf.rglob("*.yaml"))
    }
    known: dict[tuple[str, str], str] = {}  # group or program and option -> meaning
    for file, settings in files.items():
        for setting in settings:
            if setting.about and not file.startswith(_SETTERS):
                for place in (file, file.rpartition("/")[0]):
                    known.setdefault((place, setting.name), setting.about)

    def find(file: str, name: str) -> str:
        group = file.rpartition("/")[0]
        head, _, rest = name.partition(".")
        if file.startswith(_SETTERS):
            group, places = "", [("train", name), ("base", name), ("train", head)]
        else:
            places = [(group, name)]
        while rest:
            group = f"{group}/{head}".strip("/")
            places.append((group, rest))
            head, _, rest = rest.partition(".")
        return next((known[place] for place in places if place in known), "")

    return {
        file: [each if each.about else each._replace(about=find(file, each.name)) for each in settings]
        for file, settings in files.items()
    }


def read_settings(path: Path) -> list[Setting]:
    """Return the options of a file in their order; not the choices of its defaults list."""
    text = path.read_text("utf-8")
    root = yaml.compose(text)
    return [] if root is None else list(_settings(root, text.splitlines(), "", ()))


def _settings(node: yaml.Node, lines: list[str], prefix: str, targets: tuple[str, ...]) -> Iterator[Setting]:
    assert isinstance(node, yaml.MappingNode)
    own = next((value.value for key, value in node.value if key.value == "_target_"), None)
    targets = (*targets, own) if own else targets
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if key.value in _INTERNAL:
            continue
        about = _comment(lines[key.start_mark.line], key, value)
        nested = isinstance(value, yaml.MappingNode) and value.value
        if nested:
            inner = list(_settings(value, lines, f"{name}.", targets))
            shared = about or next((said for cls in targets if (said := _argument(cls, key.value))), "")
            yield from (each._replace(about=each.about or shared) for each in inner)
        else:
            said = about or next(
                (said for cls in reversed(targets) if (said := _argument(cls, key.value))), ""
            )
            yield Setting(name, _text(value, lines), said)


def _comment(line: str, key: yaml.Node, value: yaml.Node) -> str:
    same = value.end_mark.line == key.start_mark.line
    rest = line[(value if same else key).end_mark.column :]
    return rest.partition("# ")[2].strip()


def _text(value: yaml.Node, lines: list[str]) -> str:
    """Return a default as one would write it on the command line."""
    if isinstance(value, yaml.SequenceNode):
        return f"[{', '.join(_text(item, lines) for item in value.value)}]"
    if isinstance(value, yaml.MappingNode):
        return "{" + ", ".join(f"{k.value}: {_text(v, lines)}" for k, v in value.value) + "}"
    return str(value.value) or "null"


def _argument(target: str, name: str) -> str:
    """Return what the docstring of a class or function says of an argument."""
    found = locate(target)
    for owner in inspect.getmro(found) if inspect.isclass(found) else (found,):
        section = _ARGUMENTS.search(inspect.getdoc(owner) or "")
        for names, about in _ARGUMENT.findall(section[1] if section else ""):
            if name in re.split(r",\s*", names):
                return " ".join(about.split())
    return ""
