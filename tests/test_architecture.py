"""What holds for the tree as a whole."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsmnet

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dsmnet"
FOLDERS = ("dsmnet", "benchmarks", "tools", "tests")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TEXT = sorted(
    [
        *CODE,
        *(ROOT / "conf").rglob("*.yaml"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        *ROOT.glob("data/*.md"),
        ROOT / "pyproject.toml",
        ROOT / ".pre-commit-config.yaml",
    ]
)
MAX_LINES = 320
MAX_TOOL_LINES = 100


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def path_of_a_pair() -> list[str]:
    """The places named in the docstring of the package, in order."""
    return re.findall(r"^ {4}(\S+) .*->", dsmnet.__doc__ or "", re.MULTILINE)


def test_something_is_checked() -> None:
    assert len(CODE) > 50
    assert set(FOLDERS) == {relative(path).split("/")[0] for path in CODE}


def test_the_path_of_a_pair_exists() -> None:
    places = path_of_a_pair()
    assert len(places) >= 6
    for place in places:
        target = PACKAGE / place
        assert target.is_dir() if place.endswith("/") else target.is_file(), place


def test_the_path_of_a_pair_is_complete() -> None:
    """Every stage is on it, and every folder that holds data or results."""
    stages = {
        f"stages/{path.name}{'/' if path.is_dir() else ''}"
        for path in (PACKAGE / "stages").iterdir()
        if not path.name.startswith("__")
    }
    assert stages | {"data/", "metrics/", "viz/"} == set(path_of_a_pair())


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_files_are_short(path: Path) -> None:
    limit = MAX_TOOL_LINES if path.parent == ROOT / "tools" else MAX_LINES
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
    stated = re.search(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert stated is not None
    assert dsmnet.__version__ == stated[1]
