"""Lightning's Trainer with the callbacks and files that every run has."""

from __future__ import annotations

import logging
import math
import re
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    WeightAveraging,
)
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.profilers import PyTorchProfiler
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from dsmnet.atomic import remove_parts
from dsmnet.errors import UserError
from dsmnet.training.averaging import moving_averages
from dsmnet.training.callbacks import LogLine, LogPictures
from dsmnet.training.checkpoints import AtomicCheckpointIO, BestCheckpoint, KeepWeights, SaveAtEnd
from dsmnet.training.gates import LogGates
from dsmnet.training.progress_bar import TrainingBar
from dsmnet.training.stopping import StopOnSignal

log = logging.getLogger(__name__)

# Weights stay in 32 bits: what is rounded to 16 loses the small steps of training.
_PRECISIONS = ("auto", "32-true", 32, "32", "bf16-mixed", "16-mixed")


def make_trainer(
    output: Path,
    *,
    accelerator: str,
    devices: int,
    strategy: str,
    precision: str | int,
    max_steps: int,
    max_time: str | None,
    gradient_clip_val: float,
    accumulate_grad_batches: int,
    ema_decay: float,
    log_every_n_steps: int,
    threads: int | None,
    epoch_steps: int,
    keep_every: int | None = None,
    profile: bool = False,
    progress: bool = True,
    resume: Path | None = None,
) -> pl.Trainer:
    """Make a trainer that writes ``checkpoints/``, ``metrics.csv`` and TensorBoard events under `output`.

    Args:
        output: Folder of the run.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        devices: Number of devices, -1 for all.
        strategy: of Lightning, for several devices.
        precision: ``32-true``, ``bf16-mixed``, ``16-mixed``; ``auto``: bf16-mixed on a GPU, else 32-true.
        max_steps: Optimiser steps, -1 for no limit.
        max_time: ``days:hours:minutes:seconds``, `None` for no limit.
        gradient_clip_val: Norm at which gradients are cut.
        accumulate_grad_batches: Batches per optimiser step.
        ema_decay: Per step, of the averaged weights that are validated and saved; 0 for none.
        log_every_n_steps: Optimiser steps.
        threads: of the CPU's kernels; `None` leaves it to torch.
        epoch_steps: Batches between two validations.
        keep_every: Keep the weights of every so many validations, as ``step=*.ckpt``; `None` keeps none.
        profile: Write torch.profiler's table of the operators as ``fit-profile.txt``.
        progress: Show a progress bar.
        resume: The checkpoint that training continues from.

    Raises:
        UserError: A run without an end, a number or a name that cannot be, or a device that is not there.
    """
    _check_numbers(
        max_steps=(max_steps, -1, True),
        gradient_clip_val=(gradient_clip_val, 0, False),
        accumulate_grad_batches=(accumulate_grad_batches, 1, True),
        ema_decay=(ema_decay, 0, False),
        log_every_n_steps=(log_every_n_steps, 1, True),
        threads=(1 if threads is None else threads, 1, True),
        keep_every=(1 if keep_every is None else keep_every, 1, True),
    )
    if max_steps == 0:
        raise UserError("trainer.max_steps=0: expected a number of steps, or -1 for no limit")
    if ema_decay >= 1:
        raise UserError(f"trainer.ema_decay={ema_decay}: expected a number of at least 0 and below 1")
    if max_time is not None and not re.fullmatch(r"\d+(:\d\d?){3}", str(max_time)):
        raise UserError(f"trainer.max_time={max_time}: expected days:hours:minutes:seconds, or null")
    if precision not in _PRECISIONS:
        raise UserError(f"trainer.precision={precision}: expected one of {', '.join(map(str, _PRECISIONS))}")
    if max_steps < 0 and max_time is None:
        raise UserError("trainer.max_steps and trainer.max_time are both unset: the run would never end")
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise UserError(
            "trainer: accelerator=gpu, but this machine has no usable CUDA device; try trainer=cpu"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    if precision == "auto":
        precision = "bf16-mixed" if on_gpu else "32-true"
    folder = output / "checkpoints"
    if getattr(rank_zero_only, "rank", 0) == 0:  # the others begin when the first one is already writing
        _keep_old_metrics(output)
        remove_parts(folder)
    _silence_what_users_cannot_act_on()
    callbacks: list[Callback] = [
        BestCheckpoint(folder, resume),
        # Its own callback: `save_last` of the one above would only write when the error has become smaller.
        ModelCheckpoint(folder, filename="last", enable_version_counter=False),
        LearningRateMonitor("step"),
        LogPictures(),
        LogGates(),
        LogLine(),
        StopOnSignal(),
        SaveAtEnd(folder),  # before the averaging, which ends by taking the place of the weights
    ]
    if keep_every:
        callbacks.append(KeepWeights(folder, keep_every))
    if ema_decay:
        callbacks.append(WeightAveraging(multi_avg_fn=moving_averages(ema_decay)))
    if progress:
        callbacks.append(TrainingBar())
    try:
        return pl.Trainer(
            accelerator=accelerator,
            devices=devices,
            strategy=strategy,
            benchmark=on_gpu,  # all training steps have one size: let cuDNN choose its kernels by timing them
            precision=precision,  # type: ignore[arg-type]
            max_steps=max_steps,
            max_epochs=-1,
            max_time=max_time,
            gradient_clip_val=gradient_clip_val,
            accumulate_grad_batches=accumulate_grad_batches,
            limit_train_batches=epoch_steps
            if max_steps < 1
            else min(epoch_steps, max_steps * accumulate_grad_batches),
            num_sanity_val_steps=1,
            log_every_n_steps=log_every_n_steps,
            callbacks=callbacks,
            profiler=PyTorchProfiler(output, "profile", export_to_chrome=False) if profile else None,
            logger=[CSVLogger(output, name="", version=""), TensorBoardLogger(output, name="", version="")],
            use_distributed_sampler=False,  # EndlessSampler shares the samples out itself
            enable_progress_bar=progress,
            enable_model_summary=False,
            default_root_dir=output,
            plugins=[AtomicCheckpointIO()],
        )
    except (ValueError, TypeError, RuntimeError, pl.utilities.exceptions.MisconfigurationException) as error:
        raise UserError(f"trainer: {error}") from error


def _check_numbers(**options: tuple[float, float, bool]) -> None:
    """Refuse a number of the trainer that is too small, not finite, or not whole where it has to be.

    Args:
        options: By name: the value, the least that it may be, and whether it is whole.
    """
    for name, (value, least, whole) in options.items():
        kind = "whole number" if whole else "number"
        right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not right or not least <= value < math.inf:
            raise UserError(f"trainer.{name}={value}: expected a {kind} of at least {least}")


def _silence_what_users_cannot_act_on() -> None:
    """Hide Lightning's tips, and its warnings about choices that are made here on purpose."""
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"pytorch_lightning.{name}").setLevel(logging.WARNING)
    for message in (
        "Experiment logs directory .* exists and is not empty",  # config.yaml is; older curves are kept
        "Checkpoint directory .* exists and is not empty",  # when a run is resumed in its folder
        "You're resuming from a checkpoint that ended before the epoch ended",  # it goes on exactly there
        "The number of training batches .* is smaller than the logging interval",
        "The '.*_dataloader' does not have many workers",
        "`ModelCheckpoint.* could not find the monitored key",  # where no validation has come yet
        "The dirpath has changed from",  # last.ckpt takes nothing along; best.ckpt does by itself
        "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
    ):
        warnings.filterwarnings("ignore", message=f".*{message}")


def _keep_old_metrics(output: Path) -> None:
    """Move metrics.csv of an earlier run in the same folder aside: the logger would replace it."""
    current = output / "metrics.csv"
    if current.exists():
        number = 1
        while (old := output / f"metrics.{number}.csv").exists():
            number += 1
        current.rename(old)
        log.info("the curve so far is kept as %s", old)


def restore_metrics(output: Path) -> None:
    """Give the newest curve its name back where a run has added nothing to it."""
    kept = sorted(output.glob("metrics.*.csv"), key=lambda path: path.stat().st_mtime)
    if kept and not (output / "metrics.csv").exists():
        kept[-1].rename(output / "metrics.csv")
