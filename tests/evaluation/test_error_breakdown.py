"""Every attribute is found where it was put, and the shares add up."""

from __future__ import annotations

import numpy as np
import pytest

from dsmnet.evaluation.error_breakdown import ATTRIBUTES, ErrorBreakdown, breakdown_markdown, pixel_attributes
from dsmnet.types import StereoSample

SIZE = (60, 120)


def scene() -> StereoSample:
    """A noisy wall at 8 px, seen alike by both views."""
    rng = np.random.default_rng(0)
    wall = rng.integers(60, 190, (SIZE[0], SIZE[1] + 8)).astype(np.uint8)
    left, right = wall[:, :-8], wall[:, 8:]  # right (x) = left (x + 8)
    return {
        "left": np.repeat(left[..., None], 3, axis=-1),
        "right": np.repeat(right[..., None], 3, axis=-1),
        "disparity": np.full(SIZE, 8, np.float32),
        "valid": np.ones(SIZE, bool),
        "name": "wall",
        "dataset": "test",
    }


def inside(mask, y0=20, y1=40, x0=50, x1=90):
    return mask[y0:y1, x0:x1].mean()


def test_an_easy_wall_has_no_attribute_but_its_left_border():
    masks = pixel_attributes(scene())
    assert set(masks) == set(ATTRIBUTES)
    for cause, mask in masks.items():
        assert mask.dtype == bool
        if cause != "outside":
            assert inside(mask) == 0, cause
    assert masks["outside"][:, :8].all()
    assert not masks["outside"][:, 8:].any()


def change(kind) -> StereoSample:
    sample = scene()
    part = np.s_[20:40, 50:90]
    grey = {"burnt out": 255, "dark": 5, "weak texture": 120}
    if kind in grey:
        sample["left"][part] = grey[kind]
        sample["right"][20:40, 42:82] = grey[kind]
    elif kind == "repetitive":
        columns = np.arange(SIZE[1])
        sample["left"][:] = (128 + 90 * np.sin(columns * 2 * np.pi / 12)).astype(np.uint8)[None, :, None]
        sample["right"][:] = np.roll(sample["left"], -8, axis=1)
    elif kind == "occluded":
        sample["noc"] = np.ones(SIZE, bool)
        sample["noc"][part] = False
    elif kind == "thin":
        sample["disparity"][:, 68:72] = 20
    elif kind == "depth edge":
        sample["disparity"][:, 70:] = 13
    elif kind == "slanted":
        sample["disparity"] = np.repeat(np.linspace(0, 17.7, 60, dtype=np.float32)[:, None], 120, axis=1)
    elif kind == "views differ":
        sample["right"][:] = np.clip(sample["right"].astype(int) + 60, 0, 255)
    return sample


@pytest.mark.parametrize(
    ("cause", "where", "elsewhere"),
    [
        ("burnt out", np.s_[22:38, 52:88], np.s_[:18, :]),
        ("dark", np.s_[22:38, 52:88], np.s_[:18, :]),
        ("weak texture", np.s_[26:34, 56:84], np.s_[:14, :]),
        ("repetitive", np.s_[10:50, 60:100], None),
        ("occluded", np.s_[20:40, 50:90], np.s_[:20, :]),
        ("thin", np.s_[10:50, 68:72], np.s_[10:50, 80:]),
        ("depth edge", np.s_[10:50, 67:73], np.s_[10:50, 80:]),
        ("slanted", np.s_[10:50, 20:100], None),
        ("views differ", np.s_[10:50, 20:100], None),
    ],
)
def test_an_attribute_is_found_where_it_is(cause, where, elsewhere):
    mask = pixel_attributes(change(cause))[cause]
    assert mask[where].mean() > 0.95
    if elsewhere is not None:
        assert mask[elsewhere].mean() < 0.02


def test_unknown_ground_truth_makes_no_edges():
    sample = scene()
    sample["valid"] = np.random.default_rng(1).random(SIZE) < 0.3
    sample["disparity"][~sample["valid"]] = 0
    masks = pixel_attributes(sample)
    assert not masks["depth edge"].any()
    assert not masks["thin"].any()
    assert not masks["slanted"].any()


def test_shares_add_up():
    sample = change("occluded")
    prediction = sample["disparity"].copy()
    prediction[20:40, 50:90] += 6  # all of the error on what is hidden
    prediction[0, 0] = np.nan  # no answer: as far off as the ground truth is large
    errors = ErrorBreakdown()
    errors("set", sample, prediction, sample["valid"])
    found = errors.results()["set"]
    hidden = found["attributes"]["occluded"]
    assert hidden["epe"] == pytest.approx(6)
    assert hidden["d1"] == pytest.approx(100)
    assert hidden["pixels"] == pytest.approx(100 * 800 / 7200)
    total = 800 * 6 + 8
    assert found["epe"] == pytest.approx(total / 7200)
    assert hidden["share_of_epe"] == pytest.approx(100 * 4800 / total)
    assert found["half_of_epe_from"] == pytest.approx(100 * 401 / 7200, abs=0.02)
    assert found["attributes"]["none of these"]["share_of_epe"] == pytest.approx(0, abs=1e-6)
    text = breakdown_markdown(errors.results())
    assert "## set" in text
    assert "| occluded | 11.1 | 6.00 | 100.0 |" in text
