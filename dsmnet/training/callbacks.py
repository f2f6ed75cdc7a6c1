"""What happens beside the training steps: pictures, and a line per validation."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from dsmnet.training.module import StereoModule
from dsmnet.types import StereoBatch
from dsmnet.viz.panel import panel

log = logging.getLogger(__name__)


class LogPictures(Callback):
    """Panels of the first validation pairs in TensorBoard.

    Args:
        count: How many pairs.
    """

    def __init__(self, count: int = 4) -> None:
        self.count = count

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: StereoBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw left view, prediction, ground truth and error of one pair."""
        if batch_idx >= self.count or trainer.sanity_checking or "disparity" not in batch:
            return
        assert isinstance(pl_module, StereoModule)
        prediction = pl_module.predict(batch)
        picture = panel(
            (batch["left"][0].permute(1, 2, 0) * 255).round().byte().cpu().numpy(),
            prediction[0, 0].float().cpu().numpy(),
            target=batch["disparity"][0, 0].cpu().numpy(),
            valid=batch["valid"][0, 0].cpu().numpy(),
        )
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(
                    f"validation/{batch_idx}", picture, trainer.global_step, dataformats="HWC"
                )


class LogLine(Callback):
    """One line in the log per validation, for runs that nobody watches."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember when and where this run began."""
        self._start = (time.monotonic(), trainer.global_step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say where training stands."""
        if trainer.sanity_checking or self._start is None:
            return
        assert isinstance(pl_module, StereoModule)
        values = {k: float(v) for k, v in trainer.callback_metrics.items()}
        passed, steps = time.monotonic() - self._start[0], trainer.global_step - self._start[1]
        progress = pl_module.progress()  # of all processes, which each have to ask
        if not trainer.is_global_zero:
            return
        log.info(
            "step %d (%.0f %%): train EPE %.2f, validation EPE %.3f, bad-3 %.2f %%, %.2f s a step",
            trainer.global_step,
            100 * progress,
            values.get("train/epe", float("nan")),
            values.get("val/epe", float("nan")),
            values.get("val/bad3", float("nan")),
            passed / max(steps, 1),
        )
