"""Checkpoints of a run: written whole or not at all, never of weights that are no numbers."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from torch import Tensor

from dsmnet.atomic import atomic_write, cannot_write
from dsmnet.ending import Interrupted
from dsmnet.models.checkpoint import CONFIG_KEY, PAIRS_KEY
from dsmnet.options import check_whole


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's way to the disk, by `atomic_write`."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: set[Path] = set()  # files that this process has written

    def save_checkpoint(self, checkpoint: Any, path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            WriteError: It cannot be written, for instance since the disk is full; an older file is as it was.
        """
        write_checkpoint(checkpoint, Path(path))
        self.saved.add(Path(path).absolute())


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write what `torch.save` takes, whole or not at all.

    Raises:
        WriteError: It cannot be written.
    """
    with atomic_write(path) as part:
        try:
            torch.save(content, part)
        except RuntimeError:  # what torch's archive makes of a full disk
            free = shutil.disk_usage(part.parent).free
            raise cannot_write(path, OSError(0, f"{free / 2**20:.0f} MiB are free")) from None


class BestCheckpoint(ModelCheckpoint):
    """Keeps best.ckpt, of the smallest validation error that is a number, over all resumptions of a run.

    Where the run is resumed from the checkpoint `earlier`, best.ckpt beside that is taken along.
    """

    def __init__(self, folder: str | Path, earlier: str | Path | None = None) -> None:
        super().__init__(folder, filename="best", monitor="val/epe", mode="min", enable_version_counter=False)
        self.earlier = None if earlier is None else Path(earlier)

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Return whether an error is the smallest so far; inf and nan never are."""
        return (
            current is not None
            and math.isfinite(float(current))
            and bool(super().check_monitor_top_k(trainer, current))
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best error so far over, and its weights where they lie in another folder."""
        score = state_dict.get("best_model_score")
        beside = None if self.earlier is None else self.earlier.parent / "best.ckpt"
        if score is None or beside is None or not beside.is_file():
            return
        assert self.dirpath is not None
        best = Path(self.dirpath) / "best.ckpt"
        if best.absolute() != beside.absolute():  # one that lies there is of another run
            with atomic_write(best) as part:
                shutil.copyfile(beside, part)
        self.best_model_path, self.best_model_score = str(best), torch.as_tensor(score)
        self.best_k_models = {str(best): self.best_model_score}
        self.kth_best_model_path, self.kth_value = str(best), self.best_model_score


class SaveAtEnd(Callback):
    """Writes last.ckpt where training stops between two validations: at its end, or interrupted."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "last.ckpt"

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the steps since the last validation."""
        if trainer.global_step > 0:
            trainer.save_checkpoint(self.path)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Keep the state that all processes agreed to stop in, or that the only one was interrupted in."""
        alone = type(exception) is KeyboardInterrupt and trainer.world_size == 1
        if (isinstance(exception, Interrupted) or alone) and trainer.global_step > 0:
            trainer.save_checkpoint(self.path)


class KeepWeights(Callback):
    """Keeps the weights of every n-th validation as ``step=N.ckpt``, without what only resuming needs.

    `every` is the number of validations from one to the next; `None` keeps none.

    Raises:
        UserError: `every` is no whole number of at least 1.
    """

    def __init__(self, folder: str | Path, every: int | None = None) -> None:
        self.folder = Path(folder)
        self.every = None if every is None else check_whole("callbacks.keep.every", every)
        self._validations = 0

    def state_dict(self) -> dict[str, Any]:
        """How many validations there were, over all resumptions of the run."""
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self._validations = int(state_dict["validations"])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write them."""
        if trainer.sanity_checking:
            return
        self._validations += 1
        if self.every is None or self._validations % self.every:
            return
        path = self.folder / f"step={trainer.global_step}.ckpt"
        # Saved whole, since only then the averaged weights take the place of the current ones.
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            content = torch.load(path, map_location="cpu", weights_only=True)
            write_checkpoint({key: content[key] for key in (CONFIG_KEY, PAIRS_KEY, "state_dict")}, path)
