"""What happens beside the training steps: pictures, histograms of gates, and a line per validation."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from dsmnet.training.gates import gated_norms
from dsmnet.training.module import StereoModule
from dsmnet.training.run_loggers import log_picture
from dsmnet.types import StereoBatch
from dsmnet.viz.panel import panel

log = logging.getLogger(__name__)

_PICTURES = 4  # pairs of the validation split


def _boards(trainer: pl.Trainer) -> Iterator[Any]:
    return (logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger))


class LogPictures(Callback):
    """Panels of the first validation pairs: left view, prediction, ground truth and error."""

    def on_validation_batch_end(  # type: ignore[override]
        self,
        trainer: pl.Trainer,
        pl_module: StereoModule,
        outputs: Any,
        batch: StereoBatch,
        index: int,
        *_: Any,
    ) -> None:
        """Draw one pair."""
        if index >= _PICTURES or trainer.sanity_checking or "disparity" not in batch:
            return
        picture = panel(
            (batch["left"][0].permute(1, 2, 0) * 255).round().byte().cpu().numpy(),
            pl_module.predict(batch)[0, 0].float().cpu().numpy(),
            target=batch["disparity"][0, 0].cpu().numpy(),
            valid=batch["valid"][0, 0].cpu().numpy(),
        )
        for logger in trainer.loggers:
            log_picture(logger, f"validation/{index}", picture, trainer.global_step)


class LogGates(Callback):
    """Histograms of the gates in TensorBoard, per norm and of all; 0 is instance norm, 1 batch norm."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write them, for the weights that were just validated."""
        gates = {name: norm.gate.detach().float().cpu() for name, norm in gated_norms(pl_module)}
        if trainer.sanity_checking or not gates:
            return
        for board in _boards(trainer):
            for name, values in {**gates, "all": torch.cat(list(gates.values()))}.items():
                board.add_histogram(f"gates/{name}", values, trainer.global_step)


class LogLine(Callback):
    """One line in the log per validation, for runs that nobody watches."""

    _start: tuple[float, int] | None = None  # seconds and steps at which this run began

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember when and where this run began."""
        self._start = (time.monotonic(), trainer.global_step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: StereoModule) -> None:  # type: ignore[override]
        """Say where training stands."""
        if trainer.sanity_checking or self._start is None:
            return
        values = {k: float(v) for k, v in trainer.callback_metrics.items()}
        passed, steps = time.monotonic() - self._start[0], trainer.global_step - self._start[1]
        progress = pl_module.progress()  # of all processes, which each have to ask
        if not trainer.is_global_zero:
            return
        log.info(
            "step %d (%.0f %%): train EPE %.2f, validation EPE %.3f, bad-3 %.2f %%, %.2f s a step",
            trainer.global_step,
            100 * progress,
            *(values.get(name, float("nan")) for name in ("train/epe", "val/epe", "val/bad3")),
            passed / max(steps, 1),
        )
