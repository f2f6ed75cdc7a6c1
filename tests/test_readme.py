"""README and docs: commands compose, links lead somewhere, the figure is current, recipes work as printed."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dsmnet
from dsmnet.config import compose

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "data" / "README.md"]
COMMAND = re.compile(r"^(?:.*&& |\w+=\S+ )*(?:python tools/(\w+)\.py|dsmnet (\w+))(?= |$)(.*)$", re.MULTILINE)
COMMANDS = sorted(
    {
        (found[1] or found[2], " ".join(shlex.split(found[3], comments=True)))
        for document in DOCUMENTS
        if document.name != "CHANGELOG.md"
        for block in re.findall(r"^```bash\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for found in COMMAND.finditer(block)
    }
)
RECIPE = re.compile(r"^`([\w/]+\.(?:py|yaml))`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = dict(RECIPE.findall((ROOT / "docs" / "extend.md").read_text("utf-8")))


def made_by_the_site() -> set[Path]:
    """Pages and pictures without a file; `mkdocs build --strict` sees that links to them lead somewhere."""
    docs = ROOT / "docs"
    sys.path.insert(0, str(docs / "site"))
    reference = runpy.run_path(str(docs / "site" / "reference.py"))
    networks = runpy.run_path(str(docs / "figures" / "architectures.py"))["NETWORKS"]
    made = {*reference["option_pages"](), *reference["api_pages"](), *reference["PAGES"].values()}
    made |= {f"images/networks/{name}.svg" for name in networks}
    return {docs / page for page in made} | {path.with_suffix(".md") for path in docs.glob("tutorials/*.py")}


def test_readme_is_short_and_has_both_commands_of_the_set_up() -> None:
    assert len(README.splitlines()) <= 150
    start = "python3 -m venv .venv && . .venv/bin/activate && pip install -e "
    assert f"{start}. && python tools/train.py\n" in README
    assert f"{start}'.[dev]' && python -m pytest\n" in README


def test_readme_has_commands_for_a_newcomer() -> None:
    assert {"train", "evaluate", "predict"} <= {script for script, _ in COMMANDS}


@pytest.mark.parametrize(("script", "arguments"), COMMANDS)
def test_command_of_a_document_composes(script: str, arguments: str) -> None:
    assert (ROOT / "tools" / f"{script}.py").is_file()
    overrides = shlex.split(arguments)
    if "-m" in overrides:  # several jobs; the first of them
        overrides.remove("-m")
        overrides = [part if "[" in part else part.split(",")[0] for part in overrides]
    given = dict(part.split("=", 1) for part in overrides)
    cfg = compose(script, [*overrides, *([] if "paths.output" in given else ["paths.output=unused"])])
    assert cfg.paths.output == given.get("paths.output", "unused")


def test_links_of_documents_lead_somewhere() -> None:
    made = made_by_the_site()
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            place = document.parent / target
            assert place.exists() or place.resolve() in made, f"{document.name}: {target}"


def test_figure_of_a_pair_shows_the_steps_of_the_package() -> None:
    figure = (ROOT / "docs" / "images" / "one_pair.svg").read_text("utf-8")
    steps = re.findall(r"^ {4}(\S+) .*->", dsmnet.__doc__ or "", re.MULTILINE)
    assert len(steps) == 11
    for step in steps:
        assert (ROOT / "dsmnet" / step).exists()
        assert f">{step}</text>" in figure, f"{step}: run python docs/make_pictures.py one_pair.svg"


def test_recipes_of_the_documents_work_in_a_copy_of_the_tree(tmp_path: Path) -> None:
    """Norm, data set, aggregation, network, loss: written as printed, found by the tests that are there."""
    assert len(RECIPES) == 10
    for folder in ("dsmnet", "conf", "tests"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "weights")
        )
    (tmp_path / "dsmnet" / "weights").symlink_to(ROOT / "dsmnet" / "weights")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, text in RECIPES.items():
        assert not (tmp_path / path).exists()
        (tmp_path / path).write_text(text, encoding="utf-8")
    suites = ("contracts", "layers/test_norm_configs.py", "datasets/test_readers.py")
    names = ("pixel", "garden", "blur", "winner_net", "relative")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-k",
        " or ".join(names),
    ]
    done = subprocess.run(
        [*command, *(f"tests/{suite}" for suite in suites)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    for name in names:
        assert re.search(rf"[\[-]{name}\b.*PASSED", done.stdout), name
