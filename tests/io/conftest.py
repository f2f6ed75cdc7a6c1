"""Every reader warns as if it were the first one."""

from __future__ import annotations

import pytest

from dsmnet.io.decoding import _said


@pytest.fixture(autouse=True)
def _nothing_said() -> None:
    _said.clear()
