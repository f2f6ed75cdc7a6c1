"""Mirror images match at their own disparity; the ground truth stays that of the surface."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dsmnet.synthetic.reflections import Layer, _mix, add_glare, add_reflections
from dsmnet.synthetic.render import View
from tests.synthetic.scenes import clean


def two_views() -> tuple[View, View, np.random.Generator]:
    """A surface at disparity 10 before a background at 2."""
    rng = np.random.default_rng(0)
    left, right = View(120, 40, False), View(120, 40, True)
    for view, shift in ((left, 0), (right, 10)):
        view.body[:], view.disparity[:] = 0, 2
        view.body[10:30, 30 - shift : 80 - shift], view.disparity[10:30, 30 - shift : 80 - shift] = 1, 10
        view.color[...] = rng.integers(0, 255, view.color.shape)
    return left, right, rng


def test_a_mirror_image_matches_at_its_own_disparity():
    left, right, rng = two_views()
    picture = cv2.GaussianBlur(rng.integers(0, 255, (40, 120, 4)).astype(np.uint8), (0, 0), 3)
    layer = Layer(picture, np.array([[1.0, 0, 5], [0, 1, 3]]), (0.02, 0.01, 4.0))
    for view in (left, right):
        _mix(view, 1, layer, 1.0, np.ones((3, 3), np.float32), (30, 10, 50, 20), 10.0)
    ys, xs = np.mgrid[12:28, 40:70]
    disparity = 0.02 * xs + 0.01 * ys + 4
    at = (xs - disparity).astype(np.float32), ys.astype(np.float32)
    seen = left.color[12:28, 40:70].astype(float)
    assert np.abs(seen - cv2.remap(right.color, *at, cv2.INTER_LINEAR)).max() <= 2
    assert np.abs(seen - right.color[12:28, 40:70]).max() > 10  # and at no other


@pytest.mark.parametrize("effect", [add_reflections, add_glare])
def test_only_the_surface_changes(effect):
    left, right, _ = two_views()
    before = left.color.copy(), right.color.copy()
    disparity = left.disparity.copy(), right.disparity.copy()
    effect(np.random.default_rng(1), left, right)
    for view, color, depth in zip((left, right), before, disparity, strict=True):
        changed = (view.color != color).any(axis=-1)
        assert changed[view.body == 1].mean() > 0.5
        assert not changed[view.body == 0].any()
        np.testing.assert_array_equal(view.disparity, depth)


@pytest.mark.parametrize("effects", [{"glints": 1.0}, {"reflections": 1.0, "glare": 1.0}])
def test_effects_change_the_views_and_no_ground_truth(effects: dict[str, float]) -> None:
    plain, shiny = clean(seed=3), clean(seed=3, **effects)
    touched = 0
    for k in range(6):
        a, b = plain[k], shiny[k]
        for key in ("disparity", "right_disparity", "noc"):
            np.testing.assert_array_equal(a[key], b[key])  # type: ignore[literal-required]
        touched += (np.abs(a["left"].astype(int) - b["left"]).max(axis=-1) > 20).mean() > 0.002
    assert touched >= 4
