from __future__ import annotations

import numpy as np
import pytest

from dsmnet.adaptation.view_synthesis import RenderedPairs, render_right
from dsmnet.types import DisparityMap, Image, Mask, StereoSample

HEIGHT, WIDTH = 12, 80
FAR, NEAR = 4, 10  # pixels
SQUARE = slice(3, 9), slice(40, 60)


@pytest.fixture
def scene() -> tuple[Image, Image, DisparityMap, Mask]:
    """A square before a wall: views, disparity, and the left pixels that the right view shows."""
    rng = np.random.default_rng(0)
    wall, front = rng.integers(0, 256, (2, HEIGHT, WIDTH + FAR, 3)).astype(np.uint8)
    left, right = wall[:, :WIDTH].copy(), wall[:, FAR:].copy()
    disparity = np.full((HEIGHT, WIDTH), FAR, np.float32)
    seen = np.broadcast_to(np.arange(WIDTH) >= FAR, (HEIGHT, WIDTH)).copy()
    rows, columns = SQUARE
    left[SQUARE], disparity[SQUARE] = front[SQUARE], NEAR
    right[rows, columns.start - NEAR : columns.stop - NEAR] = front[SQUARE]
    seen[rows, columns.start - NEAR + FAR : columns.start] = False  # the square hides them
    return left, right, disparity, seen


def test_the_real_baseline_gives_the_real_view(scene: tuple[Image, Image, DisparityMap, Mask]) -> None:
    left, right, disparity, seen = scene
    view, visible = render_right(left, right, disparity, 1.0)
    np.testing.assert_array_equal(view, right)
    np.testing.assert_array_equal(visible, seen)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_another_baseline_moves_what_both_views_see(
    scene: tuple[Image, Image, DisparityMap, Mask], scale: float
) -> None:
    left, right, disparity, _ = scene
    view, visible = render_right(left, right, disparity, scale)
    y, x = np.nonzero(visible)
    np.testing.assert_array_equal(view[y, (x - scale * disparity[y, x]).astype(int)], left[y, x])
    hidden = int((NEAR - FAR) * scale) * (SQUARE[0].stop - SQUARE[0].start)
    assert (~visible).sum() == hidden + HEIGHT * FAR * scale


def test_disparities_between_pixels_are_exact() -> None:
    x = np.arange(WIDTH, dtype=np.float32)
    slope = np.broadcast_to(5.3 + 0.07 * x, (HEIGHT, WIDTH)).astype(np.float32)
    left = np.repeat(np.broadcast_to(3 * x, (HEIGHT, WIDTH))[..., None], 3, axis=2).astype(np.uint8)
    view, visible = render_right(left, left, slope, 1.0)
    where = np.arange(WIDTH) - slope[0]
    shown = np.interp(where, np.arange(WIDTH), view[0, :, 0].astype(np.float64))
    inner = visible[0] & (np.arange(WIDTH) < WIDTH - 2)  # beyond the border the left view shows nothing
    assert inner.mean() > 0.85
    assert np.abs(shown - left[0, :, 0])[inner].max() < 0.6  # of 3 per pixel, and rounded


class One:
    """A data set of the scene alone."""

    def __init__(self, scene: tuple[Image, Image, DisparityMap, Mask]) -> None:
        self.left, self.right, self.disparity, self.valid = scene

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> StereoSample:
        views = {"left": self.left, "right": self.right, "disparity": self.disparity, "valid": self.valid}
        return {**views, "name": "one", "dataset": "folder"}  # type: ignore[typeddict-item]


def test_variants_differ_and_come_again(scene: tuple[Image, Image, DisparityMap, Mask]) -> None:
    pairs = RenderedPairs(One(scene), scales=(0.5, 2.0), variants=40)
    assert len(pairs) == 40
    found = [pairs[index] for index in range(40)]
    np.testing.assert_array_equal(pairs[7]["right"], found[7]["right"])
    largest = [float(sample["disparity"].max()) for sample in found]
    assert 0.5 * NEAR <= min(largest) < 0.7 * NEAR < 1.5 * NEAR < max(largest) <= 2 * NEAR
    mirrored = [np.array_equal(sample["left"], scene[1][:, ::-1]) for sample in found]
    assert 8 < sum(mirrored) < 32
    bands = [RenderedPairs(One(scene), rows=5)[index] for index in range(40)]
    assert {sample["left"].shape for sample in bands} == {(5, WIDTH, 3)}
    tops = {y for y in range(HEIGHT - 4) for s in bands if np.array_equal(s["left"], scene[0][y : y + 5])}
    assert len(tops) > 4
    off = list[int]()
    for sample in found + bands:
        y, x = np.nonzero(sample["noc"])
        target = x - sample["disparity"][y, x]
        whole = np.abs(np.rint(target) - target) < 0.05  # elsewhere it lies between two pixels of noise
        y, x, place = y[whole], x[whole], np.rint(target[whole]).astype(int)
        off += np.abs(sample["right"][y, place].astype(int) - sample["left"][y, x]).ravel().tolist()
    assert len(off) > 5000
    assert np.mean(off) < 4  # of 256
