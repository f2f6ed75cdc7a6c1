"""The progress of a training, in the bars that all tools have."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import Progress, TaskID

from dsmnet.progress import new_display


class TrainingBar(ProgressBar):
    """Steps up to the next validation, and below them its batches; shown by one process."""

    _display: Progress | None = None
    _steps: TaskID
    _validation: TaskID

    def disable(self) -> None:
        """Show nothing: Lightning calls it in every process but the first, which never opens the display."""

    def on_train_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Open the display."""
        if trainer.is_global_zero:
            self._display = new_display()
            self._display.start()
            self._steps = self._display.add_task("train", total=None, unit="step")

    def on_train_epoch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Begin the steps up to the next validation."""
        if self._display:
            name = f"train {trainer.current_epoch + 1}"
            self._display.reset(self._steps, description=name, total=self.total_train_batches)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a step."""
        if self._display:
            self._display.update(self._steps, completed=batch_idx + 1)

    def on_validation_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Begin a bar of the validation's batches."""
        if self._display:
            total = trainer.num_val_batches[0]
            self._validation = self._display.add_task("validate", total=total, unit="pair")

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Count a batch."""
        if self._display:
            self._display.advance(self._validation)

    def on_validation_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Take the validation's bar away."""
        if self._display:
            self._display.remove_task(self._validation)

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        """Close the display, however training ended."""
        if self._display:
            self._display.stop()
            self._display = None
