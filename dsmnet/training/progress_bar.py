"""The progress of a training, in the bars that all tools have."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import Progress, TaskID

from dsmnet.progress import new_display


class TrainingBar(ProgressBar):
    """Steps up to the next validation, and below them its batches."""

    def __init__(self) -> None:
        super().__init__()
        self._display: Progress | None = None
        self._steps: TaskID | None = None
        self._validation: TaskID | None = None

    def on_train_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Open the display, of one process."""
        super().on_train_start(trainer, *args)
        if trainer.is_global_zero:
            self._display = new_display()
            self._display.start()

    def on_train_epoch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Begin a bar of the steps up to the next validation."""
        super().on_train_epoch_start(trainer, *args)
        if self._display:
            if self._steps is not None:
                self._display.remove_task(self._steps)
            name = f"train {trainer.current_epoch + 1}"
            self._steps = self._display.add_task(name, total=self.total_train_batches, unit="step")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a step."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._display and self._steps is not None:
            self._display.update(self._steps, completed=batch_idx + 1)

    def on_validation_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Begin a bar of the validation's batches."""
        super().on_validation_start(trainer, *args)
        if self._display:
            total = trainer.num_val_batches[0]
            self._validation = self._display.add_task("validate", total=total, unit="pair")

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Count a batch."""
        super().on_validation_batch_end(trainer, *args, **kwargs)
        if self._display and self._validation is not None:
            self._display.advance(self._validation)

    def on_validation_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Take the validation's bar away."""
        super().on_validation_end(trainer, *args)
        if self._display and self._validation is not None:
            self._display.remove_task(self._validation)
            self._validation = None

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        """Close the display, however training ended."""
        super().teardown(*args, **kwargs)
        if self._display:
            self._display.stop()
            self._display = None
