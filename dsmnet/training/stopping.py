"""How training ends before its time, in all processes at once: by Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from dsmnet.ending import Terminated


class StopOnSignal(Callback):
    """Notes Ctrl-C and SIGTERM until the next step, at whose beginning all processes agree to stop.

    A second signal ends the process at once. The handler itself saves nothing: it would wait for processes
    that are in the middle of a step.
    """

    def __init__(self) -> None:
        self.number: int | None = None  # of the signal that was received
        self._earlier: dict[int, Any] = {}

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over from Lightning, whose handler of SIGTERM waits for the other processes."""
        self._listen()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take them over where no sanity check has come before."""
        self._listen()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give them back."""
        self._restore()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give them back."""
        self._restore()

    def _listen(self) -> None:
        if self._earlier or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self._earlier[number] = signal.signal(number, self._note)

    def _restore(self) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._earlier = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            raise Terminated
        self.number = number


def agree(trainer: pl.Trainer, *values: int) -> list[int]:
    """Return the largest of each value over all processes, so that what follows happens in all of them."""
    if trainer.world_size == 1:
        return list(values)
    together = torch.tensor(values, device=trainer.strategy.root_device)
    torch.distributed.all_reduce(together, op=torch.distributed.ReduceOp.MAX)
    return [int(value) for value in together]


def end_with_parent(end: Callable[[int], Any] = os._exit) -> None:
    """Let a process that the first one has started end when that one is gone, whatever it is waiting for."""
    if os.environ.get("LOCAL_RANK", "0") == "0" or "TORCHELASTIC_RUN_ID" in os.environ:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(2)
        end(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()
