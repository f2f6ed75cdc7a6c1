"""StereoModule: a network, its loss, its optimiser and its metrics, for Lightning's Trainer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torchmetrics import MetricCollection

from dsmnet.errors import UserError
from dsmnet.inference.padding import Padding
from dsmnet.losses import StereoLoss
from dsmnet.metrics import epe
from dsmnet.metrics.modular import D1, EPE, BadPixel
from dsmnet.models.checkpoint import CONFIG_KEY, PAIRS_KEY
from dsmnet.models.stereo_net import StereoNet
from dsmnet.training.compiled import Match, match_views
from dsmnet.training.distillation import SelfDistillation
from dsmnet.training.gates import make_optimizer
from dsmnet.training.stopping import (
    StoppedTogether,
    agree,
    interruption,
    last_checkpoint,
    received_signal,
)
from dsmnet.types import StereoBatch


class TrainingDiverged(StoppedTogether):
    """The loss is no longer a number."""


class StereoModule(pl.LightningModule):
    """Train a `StereoNet`.

    Args:
        net: The network.
        loss: Loss of the network's outputs.
        optimizer: Parameters -> optimiser.
        schedule: Progress in [0, 1] -> factor on the learning rate.
        max_disparity: Search range in training and validation, pixels.
        config: Stored in every checkpoint, so that it can be loaded without naming the model.
        gate_lr: Learning rate of the gates of batch-instance norm, as a multiple of the others'.
        match: How a training step runs the network.
        seed: Seed of the random numbers that layers draw, together with the step's place in the data.
        distillation: Started self-distillation, whose loss is added.
        search_ranges: Search ranges in pixels from which each training step draws its own; ground truth at or
            beyond it does not count there. Empty for `max_disparity` in every step.
    """

    def __init__(
        self,
        net: StereoNet,
        loss: StereoLoss,
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[[float], float],
        *,
        max_disparity: int,
        config: Mapping[str, Any],
        gate_lr: float = 10.0,
        match: Match = match_views,
        seed: int = 0,
        distillation: SelfDistillation | None = None,
        search_ranges: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.build_optimizer = optimizer
        self.gate_lr = gate_lr
        self.match = match
        self.seed = seed
        self.distillation = distillation
        self.search_ranges = tuple(search_ranges)
        self.schedule = schedule
        self.max_disparity = max_disparity
        self.config = dict(config)
        self.validation_metrics = MetricCollection(
            {"epe": EPE(), "bad1": BadPixel(1), "bad2": BadPixel(2), "bad3": BadPixel(3), "d1": D1()},
            prefix="val/",
            compute_groups=False,  # which would join metrics that happen to agree on the first image
        )
        self.pairs_seen = 0  # by all processes together, over the whole run, interruptions included
        self._moment: float | None = None
        self._agreed_signal = 0  # of which all processes know that one has received it
        self._known: Tensor | int = 0  # pixels with ground truth that training has seen in this process

    def on_train_batch_start(self, batch: StereoBatch, batch_idx: int) -> None:
        """Let the layers' random numbers follow from the place in the data: a resumed run draws the same."""
        place = [self.seed, self.pairs_seen, self.trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def training_step(self, batch: StereoBatch, batch_idx: int) -> Tensor:
        """Forward, loss, and a stop with the pairs' names if it is no number."""
        self._check_signal(batch_idx)
        searched = self.search_range()
        output = self.match(self.net, batch["left"], batch["right"], searched)
        target = batch["disparity"]
        valid = batch["valid"] & (target < searched) if self.search_ranges else batch["valid"]
        loss = self.loss(output.disparities, output.logits, target, valid, batch.get("noc"))
        if self.distillation is not None:
            loss = loss + self.distillation(batch, output.disparities[-1], searched)
        self._check_loss(loss, batch)
        with torch.no_grad():
            count = valid.sum()
            self._known = self._known + count
            errors = torch.where(count > 0, epe(output.disparities[-1], target, valid) * count, 0.0)
            here = torch.stack([loss.detach(), errors.to(loss.dtype), count.to(loss.dtype)])
            total, errors, count = self.trainer.strategy.reduce(here, reduce_op="mean")  # of all processes
            error = errors / count
        self.log("train/loss", total)
        self.log("train/epe", error)
        self.log("epe", error, prog_bar=True, logger=False)
        self.pairs_seen += batch["left"].shape[0] * self.trainer.world_size
        self.log("train/pairs", float(self.pairs_seen))
        self._log_rate(batch["left"].shape[0])
        return loss

    def search_range(self) -> int:
        """The search range of this step: the same in all processes, and after an interruption."""
        if not self.search_ranges:
            return self.max_disparity
        drawn = np.random.default_rng([self.seed, self.pairs_seen]).integers(len(self.search_ranges))
        return self.search_ranges[drawn]

    def _check_signal(self, batch_idx: int) -> None:
        """Stop before a step where all processes have agreed to: the state after a whole one is saved."""
        if not self._agreed_signal or batch_idx % self.trainer.accumulate_grad_batches:
            return
        raise interruption(self.trainer, self._agreed_signal, f"at step {self.global_step}")

    def _check_loss(self, loss: Tensor, batch: StereoBatch) -> None:
        """Stop all processes where the loss of one is no number; agree on a signal that one has received."""
        world, finite = self.trainer.world_size, bool(torch.isfinite(loss))
        broken = 0 if finite else world - self.trainer.global_rank
        self._agreed_signal, diverged = agree(self.trainer, received_signal(self.trainer), broken)
        if diverged:
            told = f"the loss is {loss.item()} at step {self.global_step}, batch {', '.join(batch['name'])}"
            raise TrainingDiverged(
                f"{self.trainer.strategy.broadcast(told, world - diverged)}; "  # of the first where it is so
                f"{self._last_good()}. Try a smaller optimizer.lr, or trainer.precision=32-true"
            )

    def _last_good(self) -> str:
        """Say where the last good state of this run is."""
        last = last_checkpoint(self.trainer)
        written = getattr(self.trainer.strategy.checkpoint_io, "saved", ())
        return f"the last good state is in {last}" if last.absolute() in written else "no state was saved yet"

    def _log_rate(self, pairs: int) -> None:
        """Pairs per second between two steps, over all processes."""
        now = time.perf_counter()
        if self._moment is not None:
            rate = pairs * self.trainer.world_size / (now - self._moment)
            self.log("pairs/s", rate, prog_bar=True, logger=False)
            self.log("train/pairs_per_second", rate)
        self._moment = now

    def on_validation_end(self) -> None:
        """Do not count the validation as a slow step."""
        self._moment = None

    def on_validation_start(self) -> None:
        """Check what training has made, before the averaged weights take its place."""
        if not self.trainer.sanity_checking:
            self._check_weights()

    def validation_step(self, batch: StereoBatch, batch_idx: int) -> None:
        """Update EPE, bad-k and D1 on the validation split."""
        if "disparity" not in batch:
            return
        prediction = self.predict(batch).float()
        self.validation_metrics.update(prediction[:, 0], batch["disparity"][:, 0], batch["valid"][:, 0])

    def predict(self, batch: StereoBatch) -> Tensor:
        """Disparity [N, 1, H, W] of a batch of any size."""
        left, right = self.net.normalize(batch["left"]), self.net.normalize(batch["right"])
        height, width = left.shape[-2:]
        padding = Padding.for_net(self.net, height, width)
        outputs = self.net(padding.apply(left), padding.apply(right), self.max_disparity)
        disparity = padding.cut(outputs[-1])
        return disparity.clamp(min=0) if self.net.has_range else disparity

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation split."""
        self.log_dict(self.validation_metrics.compute(), sync_dist=True)
        self.validation_metrics.reset()

    def _check_weights(self) -> None:
        """Refuse to go on, and to save, with weights that are no numbers or that no ground truth has trained.

        Raises:
            TrainingDiverged: A weight is not finite.
            UserError: No pixel of the ground truth counted so far.
        """
        finite = all(bool(torch.isfinite(parameter).all()) for parameter in self.net.parameters())
        broken, known = agree(self.trainer, int(not finite), int(self._known > 0))
        if broken:
            raise TrainingDiverged(
                f"weights are no longer finite at step {self.global_step}; {self._last_good()}. "
                "Try a smaller optimizer.lr, or trainer.precision=32-true"
            )
        if not known:
            raise StoppedTogether(
                f"dataset: no pixel of {self.pairs_seen} pairs has a ground truth that is finite and in "
                f"(0, max_disparity={self.max_disparity}): there is nothing to train on"
            )

    def progress(self) -> float:
        """Share of the run that is done: of its steps or of its time, whichever is further."""
        trainer = self.trainer
        shares = [self.global_step / trainer.max_steps if trainer.max_steps > 0 else 0.0]
        for timer in (c for c in trainer.callbacks if isinstance(c, Timer)):  # type: ignore[attr-defined]
            remaining, elapsed = timer.time_remaining(), timer.time_elapsed()
            if remaining is not None:
                shares.append(elapsed / max(elapsed + remaining, 1e-9))
        share = min(max(shares), 1.0)
        # Clocks differ between processes, learning rates must not.
        return share if trainer.world_size == 1 else float(trainer.strategy.broadcast(share))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser, and a schedule that follows `progress`."""
        optimizer = make_optimizer(self.build_optimizer, self, self.gate_lr)
        if optimizer.defaults.get("fused") and "mixed" in str(self.trainer.precision):
            raise UserError(
                f"optimizer.fused=true with trainer.precision={self.trainer.precision}: fused optimisers "
                "leave no place to clip gradients; expected fused=null or precision=32-true"
            )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: self.schedule(self.progress()))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the configuration, and how many pairs were seen, beside the weights."""
        checkpoint[CONFIG_KEY] = self.config
        checkpoint[PAIRS_KEY] = self.pairs_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting pairs."""
        self.pairs_seen = int(checkpoint.get(PAIRS_KEY, 0))
