"""Draw the parts of the networks, with their shapes and parameters as they are when a pair passes through.

`python docs/figures/architectures.py FOLDER` writes NAME.svg of each network; the site makes them itself.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dsmnet import build_model

HEIGHT = {"psmnet": 256}  # of the views, which are twice as wide; shapes are said as shares of it
NETWORKS = {  # network -> options that make it the published one
    "dsmnet_lite": [],
    "dsmnet": [],
    "psmnet": ["norm=batch"],
    "gwcnet": ["norm=batch"],
    "raft_stereo": ["model.iterations=2"],
    "igev_stereo": ["model.iterations=2"],
    "rt_igev": ["model.iterations=2"],
    "lightstereo_s": [],
}
COLORS = {  # by what stands in the name of the part
    ("backbone", "features", "left_head", "right_head", "context", "trunk"): "#d7e8f7",
    ("volume", "correlation", "lookup"): "#f7e3c9",
    ("aggregation", "guidance", "hourglass"): "#e6f2df",
    ("update", "unit", "regression", "refine", "upsample"): "#efdff2",
}


class Part(NamedTuple):
    """A module of a network that was called."""

    name: str
    kind: str  # class
    parameters: int
    shapes: str
    times: int  # how often it was called


def trace(network: str, overrides: Sequence[str]) -> list[Part]:
    """Return the parts of a network in the order in which a pair passes them."""
    net = build_model(network, overrides=overrides).net.eval()
    calls: dict[str, list[Any]] = {}
    for name, child in net.named_children():
        child.register_forward_hook(lambda _, __, out, name=name: calls.setdefault(name, []).append(out))
    height = HEIGHT.get(network, 128)
    with torch.no_grad():
        net(torch.rand(1, 3, height, 2 * height), torch.rand(1, 3, height, 2 * height))
    return [_part(name, net.get_submodule(name), outputs, height) for name, outputs in calls.items()]


def _part(name: str, module: nn.Module, outputs: list[Any], height: int) -> Part:
    shapes = list(dict.fromkeys(_shapes(outputs[0], height)))
    said = ", ".join(shapes[:3]) + (", ..." if len(shapes) > 3 else "")
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return Part(name, type(module).__name__, parameters, said, len(outputs))


def _shapes(output: Any, height: int) -> Iterator[str]:
    """Yield what the tensors of an output are: channels, planes, and the share of the views' size."""
    if isinstance(output, Tensor) and output.ndim in (4, 5):
        stride = height / output.shape[-2]
        planes = (
            f" × {output.shape[2]} {'weights' if output.shape[2] == 5 else 'planes'}"
            if output.ndim == 5
            else ""
        )
        views = "both views: " if output.shape[0] == 2 else ""
        yield f"{views}{output.shape[1]}{planes} at 1/{stride:.3g}"
    for part in (
        output.values() if isinstance(output, dict) else output if isinstance(output, list | tuple) else ()
    ):
        yield from _shapes(part, height)


def draw(network: str) -> str:
    """Return the figure of a network as SVG."""
    parts = trace(network, NETWORKS[network])
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "dsmnet", "font.family": "sans-serif"})
    figure, axes = plt.subplots(figsize=(8, 0.75 * (len(parts) + 2)))
    rows = [("left view, right view", "", "3 at 1/1", "#f4f4f4")]
    for part in parts:
        color = next(
            (c for words, c in COLORS.items() if any(word in part.name for word in words)), "#f4f4f4"
        )
        often = f", {part.times} times" if part.times > 1 else ""
        size = f"{part.parameters:,} parameters" if part.parameters else "no parameters"
        rows.append((f"{part.name}: {part.kind}", f"{size}{often}", part.shapes, color))
    rows.append(("disparity", "", "1 at 1/1, pixels", "#f4f4f4"))
    for row, (title, below, shapes, color) in enumerate(rows):
        axes.text(
            0.3, -row, f"{title}\n{below}" if below else title, ha="center", va="center", fontsize=9,
            bbox={"boxstyle": "round,pad=0.4", "fc": color, "ec": "#888888"},
        )  # fmt: skip
        axes.text(0.63, -row, shapes, va="center", fontsize=9, color="#444444")
        if row:
            end = -row + (0.28 if below else 0.18)
            arrow = {"arrowstyle": "->", "color": "#888888"}
            axes.annotate("", (0.3, end), (0.3, -row + 0.72), arrowprops=arrow)
    axes.set(xlim=(0, 1.3), ylim=(-len(rows) + 0.5, 0.5))
    axes.axis("off")
    written = io.StringIO()
    figure.savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return written.getvalue()


if __name__ == "__main__":
    for name in NETWORKS:
        Path(sys.argv[1], f"{name}.svg").write_text(draw(name), "utf-8")
