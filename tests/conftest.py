"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real benchmark pairs; tests that ask for it are skipped where there is none."""
    root = os.environ.get("DSMNET_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("DSMNET_DATA does not point at a folder with benchmark pairs")
    return Path(root)
