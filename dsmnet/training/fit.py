"""The training loop, and in the user's words what ends it early."""

from __future__ import annotations

import os
import re

import pytorch_lightning as pl

from dsmnet.data.datamodule import StereoDataModule
from dsmnet.ending import Interrupted
from dsmnet.errors import IN_WORKER, UserError
from dsmnet.processes import by_first, by_srun, by_torchrun, is_first_of_node
from dsmnet.training.module import StereoModule
from dsmnet.training.stopping import StoppedTogether, interruption, last_checkpoint, received_signal

_LOST = "connection|gloo|nccl|timed? ?out|socket|rendezvous|client|address|hostname"  # errors of torch


def fit(trainer: pl.Trainer, module: StereoModule, data: StereoDataModule, resume: str | None) -> None:
    """Run the training loop; what ends it is told in one line.

    Raises:
        UserError: An option is impossible or data is broken; `Interrupted` after a signal.
    """
    try:
        trainer.fit(module, data, ckpt_path=resume, weights_only=True)
        if received := received_signal(trainer):  # in the last validation, after which no step has come
            raise interruption(trainer, received, "after the last step")
    except (Interrupted, StoppedTogether) as error:
        if trainer.is_global_zero:
            raise
        # The first process tells. What has started this one would kill it for any status but 0.
        status = 128 + error.number if isinstance(error, Interrupted) else 1
        raise SystemExit(0 if by_first() or by_torchrun() or by_srun() else status) from None
    except UserError as error:
        text = str(error)
        if not text.startswith(IN_WORKER):
            raise
        raise type(error)(text.rpartition(f"{type(error).__name__}: ")[2].strip()) from None
    except RuntimeError as error:
        raise _explained(error, trainer) from error


def _explained(error: RuntimeError, trainer: pl.Trainer) -> BaseException:
    """Return what to raise for an error of torch: in the user's words where the cause lies outside."""
    text = str(error)
    if "DataLoader worker" in text:
        told = "loader.workers: a process that loads pairs was ended from outside, often for lack of memory; "
        told += "try fewer"
    elif "out of memory" in text.lower() or "can't allocate memory" in text:
        told = "not enough memory for loader.batch_size, crop and max_disparity"
    elif trainer.world_size > 1 and re.search(_LOST, text, re.IGNORECASE):
        if not is_first_of_node():  # one line on each node will do
            return SystemExit(1)
        last = last_checkpoint(trainer)
        meeting = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        told = f"another process of the run has ended, or {meeting} is not where all meet; "
        told += f"resume={last} continues" if last.is_file() else "no state was saved yet"
    else:
        return error
    return UserError(f"{told} ({text.splitlines()[0][:120]})")
