from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.adaptation.pseudo_labels import LabelRules, make_label
from dsmnet.errors import UserError
from dsmnet.types import DisparityMap, Matcher

LEFT = np.random.default_rng(0).integers(0, 256, (20, 60, 3)).astype(np.uint8)
RIGHT = np.random.default_rng(1).integers(0, 256, (20, 60, 3)).astype(np.uint8)


class Fixed(Matcher):
    """Answers one disparity for a pair, another for the mirrored one, another at half size."""

    def __init__(self, usual: float, mirrored: float | None = None, half: float | None = None) -> None:
        self.usual = usual
        self.mirrored = usual if mirrored is None else mirrored
        self.half = usual / 2 if half is None else half

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
        if left.shape[1] < LEFT.shape[1]:
            value = self.half
        else:
            value = self.usual if np.array_equal(left, LEFT) else self.mirrored
        return np.full(left.shape[:2], value, np.float32)


@pytest.mark.parametrize(
    ("teacher", "second", "passes"),
    [
        (Fixed(8), Fixed(8), {"left_right": True, "scale": True, "second": True}),
        (Fixed(8, mirrored=9.5), Fixed(8), {"left_right": False, "scale": True, "second": True}),
        (Fixed(8, half=5), Fixed(8), {"left_right": True, "scale": False, "second": True}),
        (
            Fixed(50, half=25.9),
            Fixed(50),
            {"left_right": True, "scale": True, "second": True},
        ),  # 4 % are 2 px
        (Fixed(8), Fixed(10.5), {"left_right": True, "scale": True, "second": False}),
    ],
)
def test_each_rule_sees_its_own_contradiction(teacher: Fixed, second: Fixed, passes: dict[str, bool]) -> None:
    label = make_label(teacher, LEFT, RIGHT, 64, LabelRules(), second)
    seen = slice(int(teacher.usual), None)  # left of it the match lies outside the right view
    assert {rule: bool(kept[:, seen].all()) for rule, kept in label.kept.items()} == passes
    assert bool(label.mask[:, seen].all()) == all(passes.values())
    assert not label.mask[:, : int(teacher.usual)].any()


def test_a_rule_that_is_off_asks_for_nothing() -> None:
    label = make_label(Fixed(8, 20, 1), LEFT, RIGHT, 64, LabelRules(left_right=None, scale=None), None)
    assert label.kept == {}
    assert label.mask.all()


def test_views_without_content_get_no_label() -> None:
    black = np.zeros_like(LEFT)
    assert not make_label(Fixed(8), black, black, 64, LabelRules(), Fixed(8)).mask.any()


@pytest.mark.parametrize("rule", ["left_right", "scale", "second"])
def test_a_bound_is_positive(rule: str) -> None:
    with pytest.raises(UserError, match=f"labels.{rule}"):
        LabelRules(**{rule: 0.0})
