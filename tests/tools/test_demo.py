"""`dsmnet demo` as a process: it says where it is, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_it_serves_until_it_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed")
    temporary, here = tmp_path / "temporary", tmp_path / "here"
    temporary.mkdir()
    here.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), "device=cpu"]
    process = subprocess.Popen(
        command, cwd=here, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        assert "starting the page" in process.stdout.readline()
        line = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)", line)
        assert found, line + process.stdout.read()
        with urllib.request.urlopen(found[1], timeout=20) as page:
            assert b"<gradio-app" in page.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()
    left = [path.name for path in (*temporary.iterdir(), *here.iterdir())]
    assert [name for name in left if not name.startswith("torchinductor")] == []  # that is torch's
