"""Files are whole or not there, and one run at a time writes to a folder."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from dsmnet.atomic import WriteError, atomic_write, lock_folder, remove_parts
from tests.robustness.runs import call


def test_atomic_write_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("first", "second"):
        with atomic_write(path) as part:
            part.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def write() -> None:
        with atomic_write(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_write_gives_ordinary_permissions(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.txt", tmp_path / "plain.txt"
    plain.touch()
    with atomic_write(path) as part:
        part.unlink()
        part.touch(mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_atomic_write_below_a_file_names_it_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(WriteError, match=r"file/a\.txt: cannot be written \("),
        atomic_write(tmp_path / "file/a.txt"),
    ):
        pass


def test_atomic_write_killed_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    script = (
        "import os, signal; from pathlib import Path; from dsmnet.atomic import atomic_write\n"
        f"with atomic_write(Path({str(path)!r})) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert call("-c", script).returncode == -signal.SIGKILL
    assert path.read_text() == "before"
    remove_parts(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_lock_folder_refuses_a_second_and_is_free_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with lock_folder(folder):
        with pytest.raises(WriteError, match="another run is writing there"), lock_folder(folder):
            pass
        with lock_folder(tmp_path / "other"):
            pass
    with lock_folder(folder):
        assert list(folder.iterdir()) == []


def test_lock_folder_ends_with_its_process_although_a_fork_lives_on(tmp_path: Path) -> None:
    script = (
        "import os, signal, time; from pathlib import Path; from dsmnet.atomic import lock_folder\n"
        f"with lock_folder(Path({str(tmp_path)!r})):\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        print(child, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "    os.close(1); os.close(2); time.sleep(60)"
    )
    done = call("-c", script)
    try:
        with lock_folder(tmp_path):
            pass
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_lock_folder_without_permission_names_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="cannot be written"), lock_folder(tmp_path):
        pass
