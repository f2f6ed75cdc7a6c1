"""The figures of an analysis show the numbers they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.io import read_image
from dsmnet.viz.analysis import classifier_figure, divergence_figure, norms_figure
from dsmnet.viz.figures import save

DOMAINS = ["synthetic", "kitti2015", "eth3d"]


def network(gap: float) -> dict[str, Any]:
    def distribution(centre: float) -> dict[str, Any]:
        x = (np.arange(200) + 0.5) / 100
        return {"histogram": {"from": 0.0, "to": 2.0, "density": np.exp(-((x - centre) ** 2) / 0.1).tolist()}}

    layers = {f"layer{i}": {d: {"mean": gap * (i + 1)} for d in DOMAINS[1:]} for i in range(5)}
    return {
        "norms": {domain: distribution(1 + gap * i) for i, domain in enumerate(DOMAINS)},
        "wasserstein": {"synthetic-kitti2015": gap, "synthetic-eth3d": 2 * gap, "kitti2015-eth3d": gap},
        "divergence": layers,
        "domain_classifier": {"chance": 1 / 3, "accuracy": {"a": 0.9, "b": 0.5}},
    }


NETWORKS = {"batch": network(0.3), "domain": network(0.02)}


def test_norms_have_a_panel_per_network_and_a_curve_per_domain() -> None:
    figure = norms_figure(NETWORKS, DOMAINS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "norm = batch: mean distance 0.450",
        "norm = domain: mean distance 0.030",
    ]
    curves = figure.axes[0].get_lines()
    assert [str(curve.get_label()).split()[0] for curve in curves] == DOMAINS
    peaks = [float(curve.get_xdata()[np.argmax(curve.get_ydata())]) for curve in curves]  # type: ignore[index]
    assert peaks == pytest.approx([1, 1.3, 1.6], abs=0.01)


def test_divergence_has_a_panel_per_domain_and_a_curve_per_network() -> None:
    figure = divergence_figure(NETWORKS, DOMAINS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == DOMAINS[1:]
    first = figure.axes[0].get_lines()[0]
    assert list(first.get_ydata()) == pytest.approx([0.3, 0.6, 0.9, 1.2, 1.5])
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_classifier_has_a_curve_per_network_and_chance() -> None:
    (axes,) = classifier_figure(NETWORKS).axes
    assert [line.get_label() for line in axes.get_lines()] == ["batch", "domain", "chance"]
    assert list(axes.get_lines()[0].get_ydata()) == [90, 50]


def test_a_classifier_without_domains_is_an_empty_panel() -> None:
    lone = network(0.1) | {"domain_classifier": {"chance": None, "accuracy": {}}}
    (axes,) = classifier_figure({"batch": lone}).axes
    assert len(axes.get_lines()[0].get_ydata()) == 0


def test_many_networks_go_into_rows() -> None:
    figure = norms_figure({f"network {i}": network(0.1) for i in range(6)}, DOMAINS)
    assert len(figure.axes) == 6
    tops = {round(axes.get_position().y1, 2) for axes in figure.axes}
    assert len(tops) > 1


def test_saved_as_a_picture(tmp_path: Path) -> None:
    save(norms_figure(NETWORKS, DOMAINS), tmp_path / "new" / "norms.png")
    picture = read_image(tmp_path / "new" / "norms.png")
    assert picture.shape[1] > 1000
    assert 0.5 < (picture == 255).mean() < 0.99
