"""Sparsification curves: the error of the pixels that a confidence keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from dsmnet.errors import count
from dsmnet.viz.figures import COLORS, add_caption, panels_of

# Name, and color and dashes, of each order; the two bounds are grey.
_ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("by chance", {"color": "#777777", "linestyle": ":"}),
    "consistency": ("left-right consistency", {"color": COLORS[1], "linestyle": "-."}),
    "sharpness": ("sharpness", {"color": COLORS[2], "linestyle": "--"}),
    "both": ("both", {"color": COLORS[5], "linestyle": "-", "linewidth": 2.2}),
    "oracle": ("by the error itself", {"color": "#777777", "linestyle": "-"}),
}


def sparsification_figure(sets: Mapping[str, Mapping[str, Any]], kept: Sequence[float], title: str) -> Figure:
    """Draw a panel per set with the curve of the EPE for each order, at the shares of pixels `kept`."""
    figure, panels = panels_of(len(sets), title, width=4.0, columns=3)
    shares = [100 * share for share in kept]
    for index, (axes, (name, entry)) in enumerate(zip(panels, sets.items(), strict=True)):
        for order in filter(entry["epe"].__contains__, _ORDERS):
            label, look = _ORDERS[order]
            curve = entry["epe"][order]
            if math.isfinite(curve.get("ause", math.nan)):
                label += f" (AUSE {curve['ause']:.3f})"
            values = [value if math.isfinite(value) else math.nan for value in curve["curve"]]
            axes.plot(shares, values, label=label, **{"linewidth": 1.6, **look})
        axes.set_title(f"{name}, {count(entry['images'], 'image')}", fontsize=11, loc="left")
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
