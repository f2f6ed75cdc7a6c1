"""Pages of the reference that are made from conf/ and the package: options of each program, groups, API."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from settings import Setting, describe_files

from dsmnet.cli.main import PROGRAMS
from dsmnet.cli.usage import options

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
# Documents outside docs/ that have a page.
PAGES = {
    "data/README.md": "reference/folders.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "ROADMAP.md": "project/roadmap.md",
    "README.md": "index.md",
}
# Programs of which no `dsmnet NAME` tells, by what starts them.
_MORE = {
    "benchmark_loading": "python -m benchmarks.loading",
    "benchmark_scale": "python -m benchmarks.scale",
    "curve": "python -m benchmarks.error_against_time",
}
_EXAMPLES = re.compile(
    r"^(?:python tools/(\w+)\.py|dsmnet (\w+)|(python -m benchmarks\.\w+))(?= |$).*$", re.MULTILINE
)
_BASH = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
_GROUPS = {
    "baseline": "A method for comparison in tables.",
    "benchmark_part": "A fast path beside its reference (`parts=[NAME]` of `benchmark`).",
    "callbacks": "What training does beside its steps: checkpoints, averaged weights, progress.",
    "dataset": "Pairs. What each set is, its size and licence: [data](../../data.md).",
    "distillation": "A teacher beside the ground truth.",
    "eval": "Sets that a table has.",
    "experiment": "Settings of several groups under one name. The options are those of `train`.",
    "hydra": "How the jobs of a sweep (`-m`) are launched: [at scale](../../scale.md#sweeps).",
    "label_rules": "Checks that a pseudo-label has to pass.",
    "logger": "Where curves of a training are written.",
    "loss": "What training makes small.",
    "model": "Networks and their parts. Errors, sizes and times: [model zoo](../../model_zoo.md).",
    "norm": "Normalisations. What each does: [normalisation](../../normalisation.md).",
    "optimizer": "The method that changes the weights.",
    "paths": "Where data lies and results are written.",
    "protocol": "Which pixels are scored, and how errors are averaged: [protocols](../../protocols.md).",
    "recipe": "What training of a published network needs; chosen with the model.",
    "schedule": "Learning rate over the steps.",
    "trainer": "Device, precision and length of a training.",
    "transform": "Random changes of a sample in training: [data](../../data.md#transforms).",
    "upload": "A benchmark's upload: [submissions](../../submissions.md).",
}


@functools.cache
def option_pages() -> dict[str, str]:
    """Return the pages of all programs and groups, by their path in the site."""
    files = describe_files(CONF)
    groups = sorted({file.split("/")[0] for file in files if "/" in file})
    programs = [*PROGRAMS, *_MORE]
    pages = {f"reference/commands/{name}.md": _program_page(name, files) for name in programs}
    pages |= {f"reference/options/{name}.md": _group_page(name, files) for name in groups}
    rows = [f"| [`{name}`](commands/{name}.md) | {_about(name)} |" for name in programs]
    rows += ["", "Groups of options that they share:", "", *_head("group", "what it chooses")]
    rows += [
        f"| [`{name}`](options/{name}.md) | {_GROUPS[name].replace('../../', '../')} |" for name in groups
    ]
    pages["reference/commands.md"] = _COMMANDS + "\n".join([*_head("program", "does"), *rows]) + "\n"
    return pages


_COMMANDS = """# Command line

`dsmnet PROGRAM OPTION=VALUE ...`; in a checkout `python tools/PROGRAM.py` does the same. `--help` prints what
these pages say.

- `GROUP=CHOICE` takes a file of `conf/GROUP`; its options are `GROUP.OPTION=VALUE`.
- `-m` takes several values, `NAME=A,B`: a job for each, in numbered folders.
- `--cfg job` shows every option with its value and does nothing; `--cfg job -p NAME` those of one group.
- Quote what the shell would change: `'size=[375,1242]'`, `'left=scenes/*/im0.png'`.

"""


def _program_page(name: str, files: Mapping[str, list[Setting]]) -> str:
    groups = [option for option in options(CONF, name) if option.is_group]
    text = [f"# {name}", "", f"{_about(name)[:1].upper()}{_about(name)[1:]}.", "", *_writes(name)]
    text += ["```bash", *_examples(name), "```", "", "## Options", "", *_table(files[name])]
    if groups:
        text += ["", "## Groups", "", *_head("group", "default", "meaning", "choices")]
        text += [_group_row(option.name, option.default, option.about) for option in groups]
    own = {each.name for each in files[name]}
    for title, shared in _inherited(name, files).items():
        shared = [each for each in shared if each.name not in own]
        text += ["", f"## {title}", "", *_table(shared)]
    return "\n".join(text) + "\n"


def _inherited(name: str, files: Mapping[str, list[Setting]]) -> dict[str, list[Setting]]:
    """Return the options that a program takes from other files: conf/base.yaml, paths, tiles."""
    text = (CONF / f"{name}.yaml").read_text("utf-8")
    found = {}
    if re.search(r"^  - tiles$", text, re.MULTILINE):
        found["Options of tiles"] = files["tiles"]
    paths = [each._replace(name=f"paths.{each.name}") for each in files["paths/default"]]
    return {**found, "Options of every program": [*files["base"], *paths]}


def _about(name: str) -> str:
    return PROGRAMS.get(name) or _first_comment(f"{name}").partition(": ")[2].rstrip(".")


def _first_comment(file: str) -> str:
    """Return the comment that a configuration file begins with, as one line."""
    lines = (CONF / f"{file}.yaml").read_text("utf-8").splitlines()
    head: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            head.append(line.lstrip("# "))
    return " ".join(head)


def _writes(name: str) -> Iterator[str]:
    """Yield what the docstring of a program's module says after its first line."""
    if (ROOT / "dsmnet" / "commands" / f"{name}.py").is_file():
        doc = inspect.getdoc(import_module(f"dsmnet.commands.{name}")) or ""
        yield from (line.replace("*", r"\*") for line in doc.splitlines()[2:])
        yield ""


def _examples(name: str) -> list[str]:
    """Return some commands of the documents that start a program, each once; measurements come last."""
    start = _MORE.get(name, name)
    documents = sorted((ROOT / "docs").glob("*.md"), key=lambda path: path.stem in ("performance", "results"))
    found = [
        re.sub(r"^python tools/(\w+)\.py", r"dsmnet \1", example[0])
        for document in documents
        for block in _BASH.findall(document.read_text("utf-8"))
        for example in _EXAMPLES.finditer(block)
        if start in example.groups()
    ]
    return list(dict.fromkeys(found))[:12] or [start if name in _MORE else f"dsmnet {name}"]


def _group_page(name: str, files: Mapping[str, list[Setting]]) -> str:
    text = [f"# {name}", "", _GROUPS[name], ""]
    for file, settings in files.items():
        if not file.startswith(f"{name}/"):
            continue
        group, _, choice = file.rpartition("/")
        text += [f"## {group}={choice}", ""]
        about = _first_comment(file)
        text += [about, ""] if about else []
        if extends := _defaults(file):
            text += [
                f"With the options of {', '.join(f'`{each}`' for each in extends)}, unless stated here.",
                "",
            ]
        text += [*_table(settings), ""] if settings else []
    return "\n".join(text)


def _defaults(file: str) -> list[str]:
    """Return the entries of a file's defaults list."""
    text = (CONF / f"{file}.yaml").read_text("utf-8")
    block = re.search(r"^defaults:\n((?:  - .*\n)+)", text, re.MULTILINE)
    entries = re.findall(r"^  - ([^#\n]+)", block[1] if block else "", re.MULTILINE)
    return [entry.strip() for entry in entries if entry.strip() != "_self_"]


def _group_row(name: str, default: str, about: str) -> str:
    folder = name.partition("@")[0]
    top = folder.split("/")[0]
    choices = ", ".join(f"`{path.stem}`" for path in sorted((CONF / folder).glob("*.yaml")))
    return _row(f"[`{name}`](../options/{top}.md)", f"`{default}`", _cell(about), choices)


def _table(settings: Iterable[Setting]) -> list[str]:
    rows = [_row(f"`{each.name}`", f"`{each.default}`", _cell(each.about)) for each in settings]
    return [*_head("option", "default", "meaning"), *rows]


def _head(*names: str) -> list[str]:
    return [_row(*names), "|" + " --- |" * len(names)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return a meaning as it stands in a cell: it begins with a capital letter, and choices stay apart."""
    text = text[:1].upper() + text[1:] if re.match(r"[a-z]+ ", text) else text
    return re.sub(r"([*_<\[\]])", r"\\\1", text).replace("|", r"\|")


@functools.cache
def api_pages() -> dict[str, str]:
    """Return a page for each part of the package, by its path in the site."""
    package = ROOT / "dsmnet"
    parts = sorted(
        path for path in package.iterdir() if (path / "__init__.py").is_file() or path.suffix == ".py"
    )
    pages, rows = {}, []
    for part in parts:
        name = "dsmnet" if part.stem == "__init__" else f"dsmnet.{part.stem}"
        modules = [name] if part.suffix == ".py" else list(_modules(part, package))
        about = (ast.get_docstring(ast.parse(_source(part))) or "").splitlines()[0]
        pages[f"reference/api/{name}.md"] = f"# {name}\n\n" + "\n".join(
            f"::: {module}\n" for module in modules
        )
        rows.append(f"| [`{name}`](api/{name}.md) | {about} |")
    head = (
        "# Python\n\nMost programs need [`dsmnet.api`](api/dsmnet.api.md): `build_model`, `load_model`.\n\n"
    )
    pages["reference/api.md"] = head + "\n".join([*_head("module", "what it is"), *rows]) + "\n"
    return pages


def _source(part: Path) -> str:
    return (part / "__init__.py" if part.is_dir() else part).read_text("utf-8")


def _modules(part: Path, package: Path) -> Iterator[str]:
    """Yield the modules of a package that define something public."""
    for path in sorted(part.rglob("*.py")):
        names = [*path.relative_to(package.parent).with_suffix("").parts]
        if names[-1] == "__init__":
            names.pop()
        if list(public_names(path)):
            yield ".".join(names)


def public_names(path: Path) -> Iterator[str]:
    """Yield the public functions and classes that a module defines."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield node.name
