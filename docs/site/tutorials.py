"""Tutorials: scripts of cells that run, and become a page with what they print and draw, and a notebook.

`docs/tutorials/*.py` are in jupytext's percent format. A line ``# !COMMAND`` in a cell of code is a command
of the shell, as in a notebook; it goes on where it ends with a backslash. To run one, in a folder:
`python docs/site/tutorials.py NAME FOLDER`.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import json
import multiprocessing
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "tutorials"
NAMES = [path.stem for path in sorted(FOLDER.glob("*.py"))]
_COMMAND = re.compile(r"^# !((?:.*\\\n# )*.*)$", re.MULTILINE)
# What a page does without: colors, progress bars, time and module of a message.
_NOISE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|^.*━.*\n|^\[[\d, :-]+\](\[[\w.]+\])+( -)? +", re.MULTILINE)
# Programs are forked from a process that has imported the slow part and used none of it.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["dsmnet.api", "dsmnet.run", "dsmnet.cli.main"])


class Cell(NamedTuple):
    """A cell of a tutorial."""

    is_text: bool
    source: str


class Output(NamedTuple):
    """What a cell of code left."""

    printed: str
    pictures: list[str]  # names of PNG files


def read_cells(name: str) -> list[Cell]:
    """Return the cells of a tutorial."""
    parts = re.split(r"^# %%(.*)\n", (FOLDER / f"{name}.py").read_text("utf-8"), flags=re.MULTILINE)[1:]
    cells = []
    for kind, source in zip(parts[::2], parts[1::2], strict=True):
        is_text = "[markdown]" in kind
        if is_text:
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
        cells.append(Cell(is_text, source.strip()))
    return cells


def run_tutorial(name: str, folder: Path) -> list[Output]:
    """Run the cells of code of a tutorial in this process, in `folder`, and return what each left.

    Raises:
        RuntimeError: A command of the shell ended badly.
    """
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "__main__"}
    outputs = []
    with contextlib.chdir(folder) if sys.version_info >= (3, 11) else _chdir(folder):
        for number, cell in enumerate(each for each in read_cells(name) if not each.is_text):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                for part in filter(None, _parts(cell.source)):
                    if command := _command(part):
                        printed.write(_shell(command))
                    else:
                        _execute(part, names)
            pictures = [f"{name}_{number}_{figure}.png" for figure in plt.get_fignums()]
            for figure, picture in zip(plt.get_fignums(), pictures, strict=True):
                plt.figure(figure).savefig(picture, dpi=80, bbox_inches="tight")
            plt.close("all")
            outputs.append(Output(_tidy(printed.getvalue(), folder), pictures))
    return outputs


def _tidy(printed: str, folder: Path) -> str:
    """Return the lines that a page shows: of many the first and the last."""
    lines = _NOISE.sub("", printed).replace(f"{folder}/", "").strip("\n").splitlines()
    return "\n".join([*lines[:12], "...", *lines[-20:]] if len(lines) > 40 else lines)


@contextlib.contextmanager
def _chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _parts(source: str) -> Iterator[str]:
    """Yield the commands of a cell, and what stands between them."""
    end = 0
    for found in _COMMAND.finditer(source):
        yield source[end : found.start()].strip()
        yield found[0]
        end = found.end()
    yield source[end:].strip()


def _command(part: str) -> str:
    """Return the command of the shell that a part of a cell is; empty where it is code."""
    found = _COMMAND.fullmatch(part)
    return re.sub(r"^# ", "", found[1], flags=re.MULTILINE) if found else ""


def _shell(command: str) -> str:
    """Run a command, and return what it wrote; no data set of this machine is found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "COLUMNS": "100", "DSMNET_DATA": "data"}
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as written:
        if command.startswith("dsmnet "):
            arguments = (
                shlex.split(command.replace("\\\n", " "), comments=True),
                Path.cwd(),
                written.name,
                settings,
            )
            process = _CONTEXT.Process(target=_program, args=arguments)
            process.start()
            process.join()
            status = process.exitcode
        else:
            with open(written.name, "wb") as file:
                done = subprocess.run(
                    command, shell=True, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **settings}
                )
            status = done.returncode
        if status:
            raise RuntimeError(f"{command}: status {status}\n{written.read()}")
        return written.read()


def _program(arguments: list[str], folder: Path, output: str, settings: dict[str, str]) -> None:
    """Be `dsmnet PROGRAM ...` in a process of its own."""
    from dsmnet.cli.main import main

    os.environ |= settings
    os.chdir(folder)
    with open(output, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = arguments
    main()


def _execute(source: str, names: dict[str, Any]) -> None:
    """Run code, and print the value of an expression at its end, as a notebook does."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "tutorial", "exec"), names)
    if last is not None:
        assert isinstance(last, ast.Expr)
        value = eval(compile(ast.Expression(last.value), "tutorial", "eval"), names)
        if value is not None:
            sys.stdout.write(f"{value!r}\n")


def tutorial_page(name: str, outputs: list[Output]) -> str:
    """Return the page of a tutorial with what its cells left."""
    text, left = [], iter(outputs)
    for cell in read_cells(name):
        if cell.is_text:
            text.append(cell.source)
            continue
        for part in filter(None, _parts(cell.source)):
            command = _command(part)
            text.append(f"```bash\n{command}\n```" if command else f"```python\n{part}\n```")
        output = next(left)
        if output.printed:
            text.append(f'```text title="Output"\n{output.printed}\n```')
        text += [f"![]({picture})" for picture in output.pictures]
    text.append(f"[This page as a notebook]({name}.ipynb), for Jupyter or Colab.")
    return "\n\n".join(text) + "\n"


def notebook(name: str) -> str:
    """Return a tutorial as a Jupyter notebook without outputs."""
    cells = []
    for number, cell in enumerate(read_cells(name)):
        source = cell.source
        if not cell.is_text:
            source = _COMMAND.sub(lambda found: f"!{_command(found[0])}", source)
        common = {"id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
        code = {"cell_type": "code", "execution_count": None, "outputs": []}
        cells.append({**common, **({"cell_type": "markdown"} if cell.is_text else code)})
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1)


@functools.cache  # `mkdocs serve` builds again and again
def _run_apart(name: str, source: str) -> dict[str, str | bytes]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, name, folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"docs/tutorials/{name}.py: {done.stderr}")
        outputs = [Output(*each) for each in json.loads(done.stdout)]
        pictures = {each: Path(folder, each).read_bytes() for output in outputs for each in output.pictures}
    return {f"{name}.md": tutorial_page(name, outputs), f"{name}.ipynb": notebook(name), **pictures}


def tutorial_files() -> dict[str, str | bytes]:
    """Run all tutorials and return their pages, pictures and notebooks, by their paths in the site."""
    return {
        f"tutorials/{path}": content
        for name in NAMES
        for path, content in _run_apart(name, (FOLDER / f"{name}.py").read_text("utf-8")).items()
    }


if __name__ == "__main__":
    results = run_tutorial(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write(json.dumps(results))
