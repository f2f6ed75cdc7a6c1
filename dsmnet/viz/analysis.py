"""The figures of tools/analyze.py, from the content of analysis.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dsmnet.viz.figures import add_caption, line_style, panels_of

Networks = Mapping[str, Mapping[str, Any]]  # label -> what `dsmnet.analysis.analyze` returned


def norms_figure(networks: Networks, domains: Sequence[str]) -> Figure:
    """Draw how long the pixels' feature vectors are: a panel per network, a curve per domain."""
    figure, panels = panels_of(len(networks), "How long are the feature vectors of the pixels?")
    first = domains[0]
    highest = max(n["norms"][d]["histogram"]["to"] for n in networks.values() for d in domains)
    for axes, (label, network) in zip(panels, networks.items(), strict=True):
        distances = {d: network["wasserstein"][f"{first}-{d}"] for d in domains[1:]}
        for index, domain in enumerate(domains):
            histogram = network["norms"][domain]["histogram"]
            density = np.asarray(histogram["density"])
            edges = np.linspace(histogram["from"], histogram["to"], len(density) + 1)
            note = "" if index == 0 else f"  (distance {distances[domain]:.3f})"
            axes.plot((edges[1:] + edges[:-1]) / 2, density, label=domain + note, **line_style(index))
        mean = sum(distances.values()) / len(distances)
        axes.set_title(f"norm = {label}: mean distance {mean:.3f}", fontsize=11, loc="left")
        axes.set_xlim(0, min(highest, 4))
        axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
        axes.set_xlabel(f"length, in medians of {first}")
        axes.legend(fontsize=8, frameon=False, loc="upper left")
    panels[0].set_ylabel("share of pixels per unit length")
    add_caption(
        figure,
        "Curves that lie on each other: the network treats all domains alike. Distance: Wasserstein-1, "
        f"from {first}, in the unit of the horizontal axis.",
    )
    return figure


def divergence_figure(networks: Networks, domains: Sequence[str]) -> Figure:
    """Draw how far the activations of each layer are from the first domain's: a panel per other domain."""
    others = list(domains[1:])
    title = f"How far are a layer's activations from those on {domains[0]}?"
    figure, panels = panels_of(len(others), title)
    for axes, domain in zip(panels, others, strict=True):
        for index, (label, network) in enumerate(networks.items()):
            means = [layer[domain]["mean"] for layer in network["divergence"].values()]
            _by_layer(axes, means, f"{label}  (mean {np.mean(means):.3f})", index)
        axes.set_yscale("log")
        axes.set_title(domain, fontsize=11, loc="left")
        axes.legend(fontsize=8, frameon=False, loc="upper right")
    panels[0].set_ylabel("symmetric KL divergence, nats,\nmean over channels")
    low = min(axes.get_ylim()[0] for axes in panels)
    high = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(low, high * (high / low) ** 0.35)  # room for the legends, on a logarithmic scale
    add_caption(
        figure,
        "Lower is better: 0 means that every channel has the same mean and spread on both domains. "
        "Layers in the order in which the network runs them; the last ones are at its finest scale again.",
    )
    return figure


def classifier_figure(networks: Networks) -> Figure:
    """Draw how well a linear classifier tells the domain from what a layer's norm receives."""
    figure, (axes,) = panels_of(1, "Can one tell the domain from a batch's means and deviations?", width=6.6)
    chance = None
    for index, (label, network) in enumerate(networks.items()):
        result = network["domain_classifier"]
        chance = result["chance"] or chance
        _by_layer(axes, [100 * value for value in result["accuracy"].values()], label, index)
    if chance is not None:
        axes.axhline(100 * chance, color="#777777", linewidth=1, linestyle=":", label="chance")
    axes.set_ylim(0, 103)
    axes.set_ylabel("domains recognised, %")
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    add_caption(figure, "Lower means that the layer's statistics say less about the camera and the scenes.")
    return figure


def _by_layer(axes: Axes, values: Sequence[float], label: str, index: int) -> None:
    layers = range(1, len(values) + 1)
    axes.plot(layers, values, marker="o", markersize=3.5, label=label, **line_style(index))
    axes.set_xlabel("layer, shallow to deep")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
