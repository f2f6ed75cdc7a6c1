"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

# Small tensors are slower on several threads, and each core has a process of its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how long the tests of tests/robustness look."""
    parser.addoption("--fuzz", type=int, default=2000, help="broken files that the readers are given")
    parser.addoption("--soak", type=int, default=120, help="generated scenes of each layout to look at")
    parser.addoption(
        "--kills", type=int, default=3, help="trainings that are killed, and interrupted by signals"
    )


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Draw the same weights and inputs in a test, whatever the same process has run before it."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed imports torch._dynamo, which is reset below


@pytest.fixture(autouse=True)
def forget_captured_graphs() -> Iterator[None]:
    """Start every test without captured graphs: a process may capture one function eight times at most."""
    yield
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real benchmark pairs; tests that ask for it are skipped where there is none."""
    root = os.environ.get("DSMNET_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("DSMNET_DATA does not point at a folder with benchmark pairs")
    return Path(root)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright; tests that ask for it are skipped where one of the two is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed")
    # WebGL without a graphics card; and Chromium refuses root otherwise.
    arguments = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page from its file; whatever the browser complains of or asks for fails the test."""
    opened: list[tuple[Any, list[str]]] = []

    def open_(file: Path, before: str = "", **options: Any) -> Any:
        """Return the page; `before` is a script that runs first, `options` are those of a new page."""
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
        page.set_default_timeout(5000)
        if before:
            page.add_init_script(before)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(file.as_uri())
        complaints.remove(file.as_uri())
        opened.append((page, complaints))
        return page

    yield open_
    for page, complaints in opened:
        page.close()
        assert [line for line in complaints if not line.startswith("data:")] == []
