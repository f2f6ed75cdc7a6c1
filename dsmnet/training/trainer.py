"""Lightning's Trainer with the callbacks and files that every run has."""

from __future__ import annotations

import itertools
import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, LearningRateMonitor, WeightAveraging
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import TorchElasticEnvironment
from pytorch_lightning.profilers import PyTorchProfiler

from dsmnet.atomic import remove_parts
from dsmnet.errors import UserError
from dsmnet.inference.precision import warn_if_emulated
from dsmnet.options import check_choice, check_number, check_whole
from dsmnet.processes import by_torchrun, is_first, layout
from dsmnet.training.callbacks import LogGates, LogLine, LogPictures
from dsmnet.training.checkpoints import AtomicCheckpointIO, SaveAtEnd
from dsmnet.training.sharded import ShardedStrategy
from dsmnet.training.stopping import StopOnSignal

log = logging.getLogger(__name__)

# Weights stay in 32 bits: what is rounded to 16 loses the small steps of training.
_HALF: dict[str | int, torch.dtype] = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
_PRECISIONS = ("auto", "32-true", 32, "32", "bf16-mixed", "16-mixed", "64-true")


def make_trainer(
    output: Path,
    *,
    callbacks: Mapping[str, Callback | None],
    loggers: Mapping[str, Logger | None],
    epoch_steps: int,
    precision: str | int,
    threads: int | None,
    profile: bool,
    max_steps: int,
    devices: Any = 1,
    num_nodes: Any = "auto",
    **options: Any,
) -> pl.Trainer:
    """Make a trainer with the callbacks of every run, and those of ``conf/callbacks`` and ``conf/logger``.

    Args:
        output: Folder of the run.
        callbacks: Callbacks by name; the progress bar is called ``progress``.
        loggers: Loggers by name.
        epoch_steps: Batches between two validations.
        precision: ``auto``: bf16-mixed on a GPU, else 32-true.
        threads: Threads of the CPU's kernels; `None` leaves it to torch.
        profile: Write torch.profiler's table of the operators as ``fit-profile.txt``.
        max_steps: -1 for no limit.
        devices: Processes on each node, one for each device; ``auto``: as many as were started.
        num_nodes: Machines; ``auto``: as many as were started.
        options: Other arguments of `pytorch_lightning.Trainer`.

    Raises:
        UserError: A run without an end, a number or a name that cannot be, or a device that is not there.
    """
    _check_options(options, max_steps, threads, precision)
    devices, num_nodes = layout(devices, num_nodes)
    if threads is not None:
        torch.set_num_threads(threads)
    if options["strategy"] == "fsdp":
        if any(isinstance(callback, WeightAveraging) for callback in callbacks.values()):
            raise UserError(
                "trainer.strategy=fsdp with callbacks.ema: expected callbacks.ema.decay=0: averages of "
                "weights are not divided"
            )
        options["strategy"] = ShardedStrategy()
    on_gpu = options["accelerator"] != "cpu" and torch.cuda.is_available()
    if precision == "auto":
        precision = "bf16-mixed" if on_gpu else "32-true"
    if not on_gpu and precision in _HALF:
        instead = "trainer.precision=32-true is many times faster"
        warn_if_emulated(f"trainer.precision={precision}", _HALF[precision], instead)
    folder = output / "checkpoints"
    if is_first():  # the others begin when the first one is already writing
        _keep_old_metrics(output)
        remove_parts(folder)
    _silence_what_users_cannot_act_on()
    always = [
        LearningRateMonitor("step"),
        LogPictures(),
        LogGates(),
        LogLine(),
        StopOnSignal(),
        SaveAtEnd(folder),  # before the averaging, which ends by taking the place of the weights
    ]
    run_steps = epoch_steps if max_steps < 1 else max_steps * options["accumulate_grad_batches"]
    try:
        return pl.Trainer(
            benchmark=on_gpu,  # all training steps have one size: let cuDNN choose its kernels by timing them
            precision=precision,  # type: ignore[arg-type]
            max_steps=max_steps,
            max_epochs=-1,
            limit_train_batches=min(epoch_steps, run_steps),
            num_sanity_val_steps=1,
            callbacks=[*always, *(callback for callback in callbacks.values() if callback is not None)],
            profiler=PyTorchProfiler(output, "profile", export_to_chrome=False) if profile else None,
            logger=[logger for logger in loggers.values() if logger is not None],
            use_distributed_sampler=False,  # EndlessSampler shares the samples out itself
            enable_progress_bar=callbacks.get("progress") is not None,
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks.values()),
            enable_model_summary=False,
            default_root_dir=output,
            plugins=[AtomicCheckpointIO(), *([TorchElasticEnvironment()] if by_torchrun() else [])],
            devices=devices,
            num_nodes=num_nodes,
            **options,
        )
    except (ValueError, TypeError, RuntimeError, pl.utilities.exceptions.MisconfigurationException) as error:
        raise UserError(f"trainer: {error}") from error


def _check_options(
    options: Mapping[str, Any], max_steps: int, threads: int | None, precision: str | int
) -> None:
    check_whole("trainer.max_steps", max_steps, least=-1)
    check_number("trainer.gradient_clip_val", options["gradient_clip_val"], least=0)
    for name in ("accumulate_grad_batches", "log_every_n_steps"):
        check_whole(f"trainer.{name}", options[name])
    check_whole("trainer.threads", 1 if threads is None else threads)
    check_choice("trainer.precision", precision, _PRECISIONS)
    if max_steps == 0:
        raise UserError("trainer.max_steps=0: expected a number of steps, or -1 for no limit")
    max_time = options["max_time"]
    if max_time is not None and not re.fullmatch(r"\d+(:\d\d?){3}", str(max_time)):
        raise UserError(f"trainer.max_time={max_time}: expected days:hours:minutes:seconds, or null")
    if max_steps < 0 and max_time is None:
        raise UserError("trainer.max_steps and trainer.max_time are both unset: the run would never end")
    if options["accelerator"] == "gpu" and not torch.cuda.is_available():
        raise UserError(
            "trainer: accelerator=gpu, but this machine has no usable CUDA device; try trainer=cpu"
        )


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
        names = (output / f"metrics.{number}.csv" for number in itertools.count(1))
        old = next(name for name in names if not name.exists())
        current.rename(old)
        log.info("the curve so far is kept as %s", old)


def restore_metrics(output: Path) -> None:
    """Give the newest curve its name back where a run has added nothing to it."""
    kept = sorted(output.glob("metrics.*.csv"), key=lambda path: path.stat().st_mtime)
    if kept and not (output / "metrics.csv").exists():
        kept[-1].rename(output / "metrics.csv")
