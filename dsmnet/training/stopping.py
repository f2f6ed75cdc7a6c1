"""How training ends before its time, in all processes at once: by Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from dsmnet.ending import Interrupted, Terminated
from dsmnet.errors import UserError
from dsmnet.processes import by_first


class StoppedTogether(UserError):
    """What ends all processes of a run at once, so that the first one alone tells it."""


class StopOnSignal(Callback):
    """Notes Ctrl-C, SIGTERM and a launcher's warning until the next step, where all processes agree to stop.

    A second signal ends the process at once, unless it comes within the same second: torchrun and shells that
    have received one themselves hand it on. The handler itself saves nothing: it would wait for processes
    that are in the middle of a step.
    """

    def __init__(self) -> None:
        self.number = 0  # of the signal that was received; 0: none
        self._earlier: dict[int, Any] = {}
        self._since = 0.0  # when it was received

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over from Lightning, whose handler of SIGTERM waits for the other processes."""
        if not self._earlier and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, *_announced()):
                self._earlier[number] = signal.signal(number, self._note)

    on_train_start = on_sanity_check_start  # where no sanity check has come before

    def on_train_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException | None = None
    ) -> None:
        """Give them back."""
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._earlier = {}

    on_exception = on_train_end

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self.number, self._since = number, time.monotonic()
        elif time.monotonic() - self._since > 1:
            raise Terminated


def _announced() -> list[int]:
    """Return the signal by which submitit says that the time of a job ends, where it has started this one."""
    number = getattr(signal, "SIGUSR2", None)
    return [number] if number and callable(signal.getsignal(number)) else []


def received_signal(trainer: pl.Trainer) -> int:
    """Return the number of the signal that this process has received; 0: none."""
    return max((c.number for c in trainer.callbacks if isinstance(c, StopOnSignal)), default=0)  # type: ignore[attr-defined]


def last_checkpoint(trainer: pl.Trainer) -> Path:
    """Return where the state of a run is saved, with which it is resumed."""
    return Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"


def interruption(trainer: pl.Trainer, number: int, when: str) -> Interrupted:
    """Return what ends a run after a signal, and says how to go on."""
    go_on = f"continue with resume={last_checkpoint(trainer)}"
    after = go_on if trainer.global_step else "nothing was trained yet"
    return Interrupted(f"interrupted by {signal.Signals(number).name} {when}; {after}", number)


def agree(trainer: pl.Trainer, *values: int) -> list[int]:
    """Return the largest of each value over all processes, so that what follows happens in all of them."""
    if trainer.world_size == 1:
        return list(values)
    together = torch.tensor(values, device=trainer.strategy.root_device)
    torch.distributed.all_reduce(together, op=torch.distributed.ReduceOp.MAX)
    return [int(value) for value in together]


def end_with_parent(end: Callable[[int], Any] = os._exit) -> None:
    """Let a process that the first one has started end when that one is gone, whatever it is waiting for."""
    if not by_first():
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(2)
        end(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()
