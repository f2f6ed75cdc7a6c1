"""Run the steps of container/Dockerfile as far as they go without a daemon: .ci/container.py [DEVICE=cuda].

COPY and RUN happen below a scratch folder in the place of the image's root, by this machine's Python and uv.
What needs the image itself (users) or an index that cannot be reached (torch for the CPU) is named and left
out; a fault of any other step ends with its output and status 1.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "container" / "Dockerfile"
IMAGE_ONLY = ("useradd",)  # steps that change the system
FOLDERS = ("/opt/", "/src", "/data", "/outputs")  # of the image that steps write to
OWN_INDEX = "--torch-backend"  # of torch for the CPU, which uv knows and a mirror may lack


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments, lines that go on joined."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def check(steps: list[tuple[str, str]]) -> None:
    """Check what a build does not: that the image runs as a user, and that every package is pinned."""
    words = [word for word, _ in steps]
    last = len(words) - words[::-1].index("FROM")
    users = [rest for word, rest in steps[last:] if word == "USER"]
    assert users, "no USER: the image would run as root"
    assert users[-1] not in ("root", "0"), "the image would run as root"
    for _, command in (step for step in steps if step[0] == "RUN" and "pip install" in step[1]):
        assert "==" in command or "--require-hashes" in command or "--no-deps /src" in command, command
    for lock in sorted(DOCKERFILE.parent.glob("requirements-*.lock")):
        packages = re.findall(r"^[\w.-]+(.*)$", lock.read_text("utf-8"), re.MULTILINE)
        assert packages, f"{lock.name} is empty"
        assert all(pin.startswith("==") for pin in packages), f"{lock.name}: a package without a version"
        assert "://" not in lock.read_text("utf-8"), f"{lock.name}: names a host"
        check_versions(lock)


def check_versions(lock: Path) -> None:
    """Check that a lock file has what pyproject.toml asks for; torch for the CPU stands in the Dockerfile."""
    text = lock.read_text("utf-8") + re.sub(r'"(torch==[\d.]+)"', r"\n\1 ", DOCKERFILE.read_text("utf-8"))
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]:
        wanted = Requirement(line)
        version = pinned.get(wanted.name.lower(), "")
        assert version, f"{lock.name}: run container/lock, {wanted.name} is missing"
        assert version in wanted.specifier, f"{lock.name}: run container/lock, {line} is not met"


def copy(arguments: str, image: Path) -> None:
    """Do a COPY; one from another stage is there already."""
    *sources, target = shlex.split(arguments)
    if sources[0].startswith("--from"):
        return
    for source in (ROOT / source for source in sources):
        to = image / target.strip("/")
        if source.is_dir():
            shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
            continue
        to = to / source.name if target.endswith("/") else to
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to)


def run(command: str, environment: dict[str, str], image: Path) -> None:
    """Do a RUN in the scratch folder, or say why not."""
    shown = command if len(command) < 100 else f"{command[:97]}..."
    if any(word in command for word in IMAGE_ONLY):
        say(f"left out, of the image alone: {shown}")
        return
    for folder in FOLDERS:
        command = re.sub(rf"(?<![\w/.]){folder}", f"{image}{folder}", command)
    done = subprocess.run(
        ["bash", "-ec", command], env=environment, capture_output=True, text=True, cwd=image
    )
    if done.returncode and OWN_INDEX in command:
        say(f"left out, its index does not answer; the torch of this Python stands in: {shown}")
        (packages,) = image.glob("opt/dsmnet/lib/python*/site-packages")
        torch = importlib.util.find_spec("torch")
        assert torch is not None, "there is no torch here either"
        (packages / "torch.pth").write_text(f"{Path(str(torch.origin)).parents[1]}\n", encoding="utf-8")
        return
    if done.returncode:
        say(f"FAILED: {shown}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        raise SystemExit(1)
    say(f"done: {shown}")


def main() -> None:
    """Check the file, then run its steps."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    steps = instructions(DOCKERFILE.read_text("utf-8"))
    check(steps)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder)
        subprocess.run([sys.executable, "-m", "venv", image / "system"], check=True)  # the Python of the base
        environment = {**os.environ, "PYTHONPATH": "", "PATH": f"{image}/system/bin:{os.environ['PATH']}"}
        for word, rest in steps:
            if word in ("ARG", "ENV"):
                for name, value in (pair.split("=", 1) for pair in shlex.split(rest)):
                    value = given.get(name, value) if word == "ARG" else value
                    value = value.replace("/opt/dsmnet", f"{image}/opt/dsmnet")
                    # The packages that were loaded once are kept where a build has its layers.
                    if name != "UV_NO_CACHE":
                        environment[name] = value.replace("${PATH}", environment["PATH"])
            elif word == "COPY":
                copy(re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], rest), image)
            elif word == "RUN":
                run(rest, environment, image)
    say("the steps of container/Dockerfile pass")


if __name__ == "__main__":
    main()
