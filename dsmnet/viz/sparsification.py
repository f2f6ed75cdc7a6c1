"""Sparsification curves: the error of the pixels that a confidence keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from dsmnet.viz.figures import COLORS, explain, panels_of

# Color and dashes of each order; the two bounds are grey.
_LOOKS: dict[str, dict[str, Any]] = {
    "random": {"color": "#777777", "linestyle": ":"},
    "consistency": {"color": COLORS[1], "linestyle": "-."},
    "sharpness": {"color": COLORS[2], "linestyle": "--"},
    "both": {"color": COLORS[5], "linestyle": "-", "linewidth": 2.2},
    "oracle": {"color": "#777777", "linestyle": "-"},
}
_NAMES = {
    "random": "by chance",
    "consistency": "left-right consistency",
    "sharpness": "sharpness",
    "both": "both",
    "oracle": "by the error itself",
}


def sparsification_figure(confidence: Mapping[str, Any], title: str, metric: str = "epe") -> Figure:
    """Draw a panel per set with a curve per order of the pixels.

    Args:
        confidence: The entry ``confidence`` of results.json.
        title: A line above.
        metric: ``epe``, ``bad1`` or ``bad3``.
    """
    sets = confidence["sets"]
    figure, panels = panels_of(len(sets), title, width=4.0, columns=3)
    shares = [100 * share for share in confidence["kept"]]
    unit = "EPE of the pixels kept, px" if metric == "epe" else f"bad-{metric[3:]} of the pixels kept, %"
    for index, (axes, (name, entry)) in enumerate(zip(panels, sets.items(), strict=True)):
        for order, look in _LOOKS.items():
            if order not in entry[metric]:
                continue
            found = entry[metric][order]
            label = _NAMES[order]
            if "ause" in found and found["ause"] is not None:
                label += f" (AUSE {found['ause']:.3f})"
            values = [float("nan") if value is None else value for value in found["curve"]]
            axes.plot(shares, values, label=label, **{"linewidth": 1.6, **look})
        axes.set_title(
            f"{name}, {entry['images']} image{'s' * (entry['images'] != 1)}", fontsize=11, loc="left"
        )
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # room for the legend
        axes.set_xlabel("share of pixels kept, %")
        axes.legend(fontsize=8, frameon=False, loc="upper left")
        if index % 3 == 0:
            axes.set_ylabel(unit)
    explain(
        figure,
        "The least confident pixels are left out first. AUSE: area to the curve of a perfect order, which "
        "leaves out the largest errors first.",
    )
    return figure
