"""A page as Chromium shows it, without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # on the processor
STEADY = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=15000")


def screenshot(page: Path, path: Path, width: int, height: int) -> None:
    """Write the upper left width x height pixels of a page as PNG."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        raise SystemExit(f"{path.name}: Chromium is not installed")
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *STEADY, *WEBGL, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        command += [f"--screenshot={path.resolve()}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
