"""The container's description: what .ci/container.py, which runs its steps in CI, refuses."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """.ci/container.py on a copy of the files."""
    spec = importlib.util.spec_from_file_location("container", ROOT / ".ci" / "container.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copytree(ROOT / "container", tmp_path / "container")
    monkeypatch.setattr(module, "DOCKERFILE", tmp_path / "container" / "Dockerfile")
    return module


def check(container: ModuleType) -> None:
    container.check(container.instructions(container.DOCKERFILE.read_text("utf-8")))


def test_description_of_the_container_passes(container: ModuleType) -> None:
    check(container)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("Dockerfile", "USER dsmnet", "", "run as root"),
        ("Dockerfile", "USER dsmnet", "USER dsmnet\nUSER root", "run as root"),
        ("Dockerfile", "uv==0.13.9", "uv", "pip install"),
        ("Dockerfile", "torch==2.14.1", "torch==2.9.1", r"torch>=2\.10 is not met"),
        ("requirements-cpu.lock", "\npillow==", "\npillow>=", "a package without a version"),
        ("requirements-cuda.lock", "\nrich==", "\nriches==", "rich is missing"),
        ("requirements-cuda.lock", "\nrich==", "\n# https://host/simple\nrich==", "names a host"),
    ],
)
def test_what_is_not_pinned_or_runs_as_root_is_refused(
    container: ModuleType, file: str, old: str, new: str, message: str
) -> None:
    path = container.DOCKERFILE.with_name(file)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(AssertionError, match=message):
        check(container)
