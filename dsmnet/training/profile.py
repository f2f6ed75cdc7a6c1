"""Where the time of a training step goes: Lightning, and each module's forward and backward."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.profilers import Profiler
from torch import Tensor, nn

# Lightning's names of what is no part of the network, and ours.
_ACTIONS = {
    r"train_dataloader_next": "making or waiting for data",
    r"batch_to_device": "copy to the device",
    r"clip_gradients|configure_gradient_clipping": "clip gradients",
    r"optimizer_step|optimizer_zero_grad": "optimizer",
    r"WeightAveraging": "average of the weights",
    r"\.training_step$": "training step (loss, metrics)",
    r"\.backward$": "backward of the loss",
    r"Callback|Logger|lr_scheduler|LightningModule": "callbacks and logging",
    r"run_training_batch|run_training_epoch": "Lightning",
}


class StepTimeline(Profiler):
    """Attributes each moment between two training steps to one name, the innermost that is open.

    Args:
        path: of the table, written when training ends.
        skip: Steps at the start that do not count.
        synchronize: Wait for the GPU at every change of the name.
    """

    def __init__(self, path: Path, skip: int, synchronize: bool) -> None:
        super().__init__(dirpath=path.parent)
        self.path, self.skip, self.synchronize = path, skip, synchronize
        self.stack: list[str] = []
        self.backward = ""  # the module whose gradients are being computed
        self.totals: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.active = False
        self._moment = 0.0

    def start(self, action_name: str) -> None:
        """Open what Lightning is about to do."""
        names = (name for form, name in _ACTIONS.items() if re.search(form, action_name))
        self.push(next(names, "Lightning"))

    def stop(self, action_name: str) -> None:
        """Close it."""
        self.pop()

    def push(self, name: str) -> None:
        """What follows belongs to `name`."""
        self.tick()
        self.stack.append(name)

    def pop(self) -> None:
        """What follows belongs to what was open before."""
        self.tick()
        if self.stack:
            self.stack.pop()
        if not self.stack or self.stack[-1] != "backward of the loss":
            self.backward = ""

    def tick(self) -> None:
        """Book the time since the last change."""
        if self.synchronize:
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self.active:
            current = self.stack[-1] if self.stack else "Lightning"
            inside = self.backward and current == "backward of the loss"
            self.totals[(self.backward, "backward") if inside else (current, "forward")] += now - self._moment
        self._moment = now

    def enter_backward(self, name: str) -> None:
        """Gradients of the module's outputs are there: its backward pass begins."""
        self.tick()
        if not self.backward.startswith(
            name + "."
        ):  # its last child, whose output is also its own, has begun
            self.backward = name

    def leave_backward(self, name: str, outer: str) -> None:
        """Gradients of its inputs are there; unless the module before it has begun, its parent goes on."""
        self.tick()
        if self.backward == name:
            self.backward = outer


class ProfileSteps(Callback):
    """Watch the modules of the network, to a depth, from the first step that counts; write profile.md.

    Args:
        timeline: Also the trainer's profiler.
        depth: of the modules that have a line of their own; those within are counted with them.
    """

    def __init__(self, timeline: StepTimeline, depth: int = 2) -> None:
        self.timeline, self.depth = timeline, depth
        self.steps = 0
        self._handles: list[Any] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Attach to the modules."""
        assert isinstance(pl_module.net, nn.Module)
        for name, module in pl_module.net.named_modules():
            if name and name.count(".") < self.depth and not isinstance(module, nn.ModuleList):
                self._watch(name, module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the step."""
        self.timeline.tick()
        if self.timeline.active:
            self.steps += 1
        self.timeline.active = trainer.global_step >= self.timeline.skip

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation is no part of a step, nor is what is left of the step before it."""
        self.timeline.tick()
        self.steps += self.timeline.active
        self.timeline.active = False

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Detach and write the table."""
        for handle in self._handles:
            handle.remove()
        if trainer.is_global_zero:
            self.timeline.path.write_text(table(self.timeline.totals, max(self.steps, 1)), encoding="utf-8")

    def _watch(self, name: str, module: nn.Module) -> None:
        timeline, outer = self.timeline, name.rpartition(".")[0]

        def before(_: nn.Module, inputs: Any) -> None:
            timeline.push(name)
            for tensor in _tensors(inputs):
                tensor.register_hook(lambda _: timeline.leave_backward(name, outer))

        def after(_: nn.Module, inputs: Any, outputs: Any) -> None:
            for tensor in _tensors(outputs):
                tensor.register_hook(lambda _: timeline.enter_backward(name))
            timeline.pop()

        self._handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors in nested containers that take part in the gradient."""
    if isinstance(value, Tensor):
        return [value] if value.requires_grad else []
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [tensor for entry in value for tensor in _tensors(entry)]


def table(found: Mapping[tuple[str, str], float], steps: int) -> str:
    """Return the table: milliseconds per step, modules without those that have their own line."""
    totals = defaultdict(float, found)
    names = sorted({name for name, _ in totals}, key=lambda n: -totals[n, "forward"] - totals[n, "backward"])
    whole = sum(totals.values())
    lines = [f"Milliseconds of a training step, mean of {steps}: {1e3 * whole / steps:.0f}", ""]
    lines += ["| part | forward | backward | share |", "| :-- | --: | --: | --: |"]
    for name in names:
        forward, backward = (1e3 * totals[name, kind] / steps for kind in ("forward", "backward"))
        share = (totals[name, "forward"] + totals[name, "backward"]) / max(whole, 1e-9)
        lines.append(f"| {name} | {forward:.1f} | {backward:.1f} | {100 * share:.1f} % |")
    return "\n".join([*lines, ""])
