"""The README's commands and its picture of the tree stay true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import dsmnet
from dsmnet.config import compose

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = sorted(
    {
        (script, " ".join(shlex.split(arguments, comments=True)))
        for document in DOCUMENTS
        for script, arguments in re.findall(
            r"^(?:.*&& |\w+=\S+ )*python tools/(\w+)\.py(.*)$", document.read_text(), re.M
        )
    }
)


def test_there_are_commands() -> None:
    assert {script for script, _ in COMMANDS} >= {"train", "evaluate", "predict", "visualize", "check_data"}


@pytest.mark.parametrize(("script", "arguments"), COMMANDS)
def test_command_composes(script: str, arguments: str) -> None:
    assert (ROOT / "tools" / f"{script}.py").is_file()
    overrides = shlex.split(arguments)
    if "-m" in overrides:  # several jobs; the first of them
        overrides.remove("-m")
        overrides = [part if "[" in part else part.split(",")[0] for part in overrides]
    given = dict(part.split("=", 1) for part in overrides)
    cfg = compose(script, [*overrides, *([] if "paths.output" in given else ["paths.output=unused"])])
    assert cfg.paths.output == given.get("paths.output", "unused")


def test_path_of_a_pair_is_the_packages() -> None:
    def steps(text: str) -> list[str]:
        return re.findall(r"^    ([\w/.]+)\s+.*->", text, re.M)

    readme = steps((ROOT / "README.md").read_text())
    assert readme == steps(dsmnet.__doc__ or "")
    assert all((ROOT / "dsmnet" / step).exists() for step in readme)


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
