"""The Lightning data module: training set, validation split, transforms, loaders."""

from __future__ import annotations

import functools
import signal
from typing import Any

import cv2
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from dsmnet.augment import Transform
from dsmnet.data.collate import collate
from dsmnet.data.sampler import Augmented, EndlessSampler, Share
from dsmnet.errors import UserError
from dsmnet.options import check_whole
from dsmnet.types import StereoSample


class StereoDataModule(pl.LightningDataModule):
    """Batches of the training split and single pairs of the validation split of one data set.

    Args:
        dataset: Has `split_validation() -> (train, validation)`.
        transform: Augmentation of a training sample; its results have one size.
        batch_size: Pairs per step and process.
        global_batch: Given, pairs per step of all processes together, in the place of `batch_size`.
        epoch_steps: Steps between two validations.
        workers: Processes that load; 0 loads in the main process.
        max_disparity: Training's search range, ground truth beyond does not count.
        validation_pairs: Largest number of validation pairs used.
        seed: Seed of order and transforms.
    """

    def __init__(
        self,
        dataset: Any,
        transform: Transform,
        *,
        batch_size: int,
        global_batch: int | None = None,
        epoch_steps: int,
        workers: int = 0,
        max_disparity: int | None = None,
        validation_pairs: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_whole("loader.batch_size", batch_size)
        check_whole("loader.global_batch", 1 if global_batch is None else global_batch)
        check_whole("loader.epoch_steps", epoch_steps)
        check_whole("loader.validation_pairs", validation_pairs)
        check_whole("loader.workers", workers, least=0)
        self.train_part, self.validation_part = dataset.split_validation()
        self.transform = transform
        self.batch_size, self.global_batch = batch_size, global_batch
        self.epoch_steps, self.workers = epoch_steps, workers
        self.max_disparity, self.validation_pairs, self.seed = max_disparity, validation_pairs, seed

    def train_dataloader(self) -> DataLoader[StereoSample]:
        """Batches in the endless order, from where a resumed run stopped."""
        trainer = self.trainer
        rank, world = self._rank_and_world()
        batch_size = self.pairs_per_process(world)

        def reached() -> int:
            return int(getattr(trainer.lightning_module, "pairs_seen", 0)) if trainer else 0

        together = batch_size * world
        place = {"seed": self.seed, "rank": rank, "world": world, "step": together}
        sampler = EndlessSampler(len(self.train_part), self.epoch_steps * together, reached=reached, **place)
        augmented = Augmented(self.train_part, self.transform, self.seed)
        return DataLoader(augmented, batch_size=batch_size, sampler=sampler, **self._loading())

    def val_dataloader(self) -> DataLoader[StereoSample]:
        """This process's share of the validation pairs one by one, unchanged."""
        pairs = min(self.validation_pairs, len(self.validation_part))
        share = Share(self.validation_part, pairs, *self._rank_and_world())
        return DataLoader(share, batch_size=1, **self._loading())

    def pairs_per_process(self, world: int) -> int:
        """Return the pairs per step of each of `world` processes.

        Raises:
            UserError: `global_batch` cannot be divided among them.
        """
        if self.global_batch is None:
            return self.batch_size
        if self.global_batch % world:
            raise UserError(
                f"loader.global_batch={self.global_batch}: expected a multiple of {world}, the processes"
            )
        return self.global_batch // world

    def _rank_and_world(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loading(self) -> dict[str, Any]:
        # Pinned memory makes copies to a GPU quicker, and is nothing but another copy without one.
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        options: dict[str, Any] = {"num_workers": self.workers, "pin_memory": on_gpu}
        options["collate_fn"] = functools.partial(collate, max_disparity=self.max_disparity)
        if self.workers:
            # The processes are the parallelism, so OpenCV keeps to one thread in each. It is told before they
            # are forked: a fork would wait for ever for threads that only its parent has.
            cv2.setNumThreads(1)
            options.update(persistent_workers=True, prefetch_factor=4, worker_init_fn=_leave_signals)
        return options


def _leave_signals(worker: int) -> None:
    """In a loading process: go on where all processes of a run get Ctrl-C or SIGTERM.

    The one that trains stops between two steps, for which it may need another batch, and ends its loaders
    itself. A second SIGTERM ends this process, lest it outlive the run.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(number, signal.SIG_DFL))
