"""End of a run: success, the user's mistake, an interruption, or a fault of the program."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from dsmnet.errors import UserError, printable

log = logging.getLogger(__name__)


class Terminated(KeyboardInterrupt):
    """SIGTERM, as ``docker stop`` and SLURM send it; what handles Ctrl-C handles it too."""


class Interrupted(UserError):
    """An interruption after which the user is told how to go on.

    Args:
        message: Message for the user.
        number: Number of the signal; the exit status is 128 more, as in a shell.
    """

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.number = number


def signal_of(error: BaseException) -> int:
    """Return the number of the signal behind an interruption."""
    if isinstance(error, Interrupted):
        return error.number
    return signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT


def run_to_end(main: Callable[[], None]) -> None:
    """Run a tool's work and turn what ends it into a message and an exit status.

    0: success. 1: a `UserError`, a file that the operating system refuses, or no memory: the message alone.
    130, 143: Ctrl-C, SIGTERM. Anything else is a fault of the program and comes out with its stack trace, as
    everything does with ``HYDRA_FULL_ERROR=1``.
    """
    told: tuple[type[BaseException], ...] = (UserError, OSError, MemoryError, KeyboardInterrupt)
    _only_printable_logs()
    threading.excepthook = _tell_of_thread
    logging.raiseExceptions = False  # a log file on a full disk costs its lines, not a trace for each
    try:
        with _sigterm_as_interrupt():
            main()
    except told as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        message, status = describe(error)
        log.error("%s", message)
        raise SystemExit(status) from None
    finally:
        _end_children()


def _end_children() -> None:
    """Kill the loading processes that an error has left: Python would wait for them at exit, for ever."""
    if children := multiprocessing.active_children():
        on_main = threading.current_thread() is threading.main_thread()
        told = signal.signal(signal.SIGCHLD, signal.SIG_DFL) if on_main else None  # torch's raises here
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child.pid or 0, signal.SIGKILL)  # processes of a launcher have no kill()
            child.join()
        if on_main:
            signal.signal(signal.SIGCHLD, told)


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Print what ended a thread; what the system refused to write is raised in the main thread as well."""
    if not issubclass(ended.exc_type, OSError):
        threading.__excepthook__(ended)


def describe(error: BaseException) -> tuple[str, int]:
    """Return the message for the user and the exit status; of a fault of the program, its kind as well."""
    if isinstance(error, Interrupted):
        return str(error), 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        number = signal_of(error)
        return f"interrupted by {signal.Signals(number).name}", 128 + number
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}", 1
    if isinstance(error, MemoryError):
        return f"not enough memory ({error})", 1
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}", 1


def _only_printable_logs() -> None:
    """Keep terminal escapes, of the names of files above all, out of every message that is logged."""
    make = logging.getLogRecordFactory()
    if getattr(make, "printable", False):
        return

    def make_printable(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        lines = record.getMessage().split("\n") if "\n" in str(record.msg) else [record.getMessage()]
        record.msg, record.args = "\n".join(printable(line.expandtabs(4)) for line in lines), ()
        return record

    make_printable.printable = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_printable)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Raise `Terminated` in the main thread where SIGTERM would end the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    earlier = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
