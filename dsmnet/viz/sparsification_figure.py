"""Sparsification curves: the error of the pixels that a confidence keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from dsmnet.viz.figures import COLORS, add_caption, panels_of

# Name, and color and dashes, of each order; the two bounds are grey.
_ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("by chance", {"color": "#777777", "linestyle": ":"}),
    "consistency": ("left-right consistency", {"color": COLORS[1], "linestyle": "-."}),
    "sharpness": ("sharpness", {"color": COLORS[2], "linestyle": "--"}),
    "both": ("both", {"color": COLORS[5], "linestyle": "-", "linewidth": 2.2}),
    "oracle": ("by the error itself", {"color": "#777777", "linestyle": "-"}),
}


class KeptCurve(NamedTuple):
    """Mean error by share of pixels kept, with its area and what that says of the order."""

    values: Sequence[float]
    area: float
    ause: float = math.nan  # nan: oracle and random order have none
    gain: float = math.nan


def sparsification_figure(
    sets: Mapping[str, tuple[int, Mapping[str, KeptCurve]]], kept: Sequence[float], title: str
) -> Figure:
    """Draw a panel per set with a curve per order of the pixels.

    Args:
        sets: Number of images, and curves of the EPE by order of the pixels, by name of the set.
        kept: Shares of pixels of the values of a curve.
        title: Line above.
    """
    figure, panels = panels_of(len(sets), title, width=4.0, columns=3)
    shares = [100 * share for share in kept]
    for index, (axes, (name, (images, curves))) in enumerate(zip(panels, sets.items(), strict=True)):
        for order, (label, look) in _ORDERS.items():
            if order not in curves:
                continue
            curve = curves[order]
            if math.isfinite(curve.ause):
                label += f" (AUSE {curve.ause:.3f})"
            values = [value if math.isfinite(value) else math.nan for value in curve.values]
            axes.plot(shares, values, label=label, **{"linewidth": 1.6, **look})
        axes.set_title(f"{name}, {images} image{'s' * (images != 1)}", fontsize=11, loc="left")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # room for the legend
        axes.set_xlabel("share of pixels kept, %")
        axes.legend(fontsize=8, frameon=False, loc="upper left")
        if index % 3 == 0:
            axes.set_ylabel("EPE of the pixels kept, px")
    add_caption(
        figure,
        "The least confident pixels are left out first. AUSE: area to the curve of a perfect order, which "
        "leaves out the largest errors first.",
    )
    return figure
