"""What holds for the tree as a whole."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsmnet

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dsmnet"
FOLDERS = ("dsmnet", "benchmarks", "examples", "tools", "tests")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TEXT = sorted(
    [
        *CODE,
        *(ROOT / "examples" / "cpp").iterdir(),
        *(ROOT / "conf").rglob("*.yaml"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        *ROOT.glob("data/*.md"),
        ROOT / "pyproject.toml",
        ROOT / ".pre-commit-config.yaml",
    ]
)
MAX_LINES = 300
MAX_TOOL_LINES = 100
LARGEST_ROOM = 0.15  # of the package's lines without the generator
# Modules that fill the same slot, and so may share names of files and functions.
SAME_SLOT = (
    "cli/",
    "commands/",
    "models/official/",
    "ops/sga/",
    "ops/sgf/",
    "submission/",
    "synthetic/layouts/",
)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_something_is_checked() -> None:
    assert len(CODE) > 50
    assert set(FOLDERS) == {relative(path).split("/")[0] for path in CODE}


def test_path_of_a_pair_names_every_stage() -> None:
    places = re.findall(r"^ {4}(\S+) .*->", dsmnet.__doc__ or "", re.MULTILINE)
    stages = {
        f"stages/{path.name}{'/' if path.is_dir() else ''}"
        for path in (PACKAGE / "stages").iterdir()
        if not path.name.startswith("__")
    }
    assert stages | {"datasets/", "augment/", "data/", "metrics/", "viz/"} == set(places)


def test_no_room_is_much_larger_than_the_others() -> None:
    rooms: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        rooms[relative(path).split("/")[1]] += len(lines(path))
    generator = rooms.pop("synthetic")
    assert generator > 1000
    assert max(rooms.values()) <= LARGEST_ROOM * rooms.total(), rooms.most_common(3)


def definitions(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    """Return the public functions and classes of a module."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return [n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]


def test_file_names_and_public_names_are_unique() -> None:
    """Apart from modules that fill the same slot, which have the slot's functions."""
    places: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        if path.name.startswith("__"):
            continue
        inside = path.relative_to(PACKAGE).as_posix()
        slot = next((slot for slot in SAME_SLOT if inside.startswith(slot)), inside)
        for name in (path.name, *(node.name for node in definitions(path))):
            places[name].add(slot)
    # A published data set, its upload and its authors' network are found under one name in their slots.
    found = {name: sorted(where) for name, where in places.items() if len(where) > 1}
    assert {k: v for k, v in found.items() if not any(slot in SAME_SLOT for slot in v)} == {}


def test_public_names_are_documented() -> None:
    nodes = [node for path in PACKAGE.rglob("*.py") for node in definitions(path)]
    documented = [node for node in nodes if ast.get_docstring(node)]
    assert len(documented) >= 0.95 * len(nodes)
    assert len(nodes) > 300


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_files_are_short(path: Path) -> None:
    limit = MAX_TOOL_LINES if path.parent in (ROOT / "tools", PACKAGE / "commands") else MAX_LINES
    assert len(lines(path)) <= limit


def test_nothing_prints() -> None:
    def prints(path: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield f"{relative(path)}:{node.lineno}"

    assert [place for path in CODE for place in prints(path)] == []


def test_no_path_of_one_machine() -> None:
    """Real data is found through DSMNET_DATA and nothing else."""
    machine = re.compile(r"(?<![\w.~])/(home|root|tmp|work|mnt|Users|export)/\w|\.\./\w+/data\b(?!\.md)")
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in TEXT
        for number, line in enumerate(lines(path), start=1)
        if machine.search(line)
    ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    """Work that is not done belongs into an issue, not into a comment."""
    marks = re.compile(r"#\s*(" + "|".join(("TODO", "FIXME", "XXX", "HACK")) + r")\b")
    assert [relative(path) for path in CODE if marks.search(path.read_text(encoding="utf-8"))] == []


def test_tests_mirror_the_package() -> None:
    folders = {
        path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert folders <= packages | {"benchmarks", "contracts", "robustness", "tools"}


def test_one_version() -> None:
    """`dsmnet.__version__`, with which the package is built: tests/test_wheel.py."""
    places = [ROOT / "pyproject.toml", *PACKAGE.rglob("*.py")]
    stated = [
        relative(path)
        for path in places
        if re.search(r'^(__)?version(__)? = "', path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert stated == ["dsmnet/__init__.py"]
