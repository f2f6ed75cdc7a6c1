"""A protocol's rules: which one a set gets, what is refused, how they read."""

from __future__ import annotations

from typing import Any

import pytest

from dsmnet.errors import UserError
from dsmnet.evaluation import EvaluationProtocol, Rule


def test_the_longest_name_decides() -> None:
    protocol = EvaluationProtocol(sets={"kitti": {"pixels": "all"}, "kitti2012": {"pixels": "occ"}})
    rules = {name: protocol.rule(name).pixels for name in ("kitti2015", "kitti2012", "vkitti2")}
    assert rules == {"kitti2015": "all", "kitti2012": "occ", "vkitti2": "noc"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixels": "visible"}, r"^protocol\.pixels=visible: expected noc, occ or all$"),
        ({"average": "set"}, r"^protocol\.average=set: expected image or pixel$"),
        ({"average_epe": "set"}, r"average_epe=set: expected null, image or pixel$"),
        ({"headline": "rmse"}, r"headline=rmse: expected null, epe, bad1, bad2, bad3 or d1$"),
        ({"ground_truth_below": "much"}, r"ground_truth_below=much: expected a number above 0$"),
        ({"ground_truth_below": 0}, r"ground_truth_below=0: expected a number above 0"),
        ({"ground_truth_from": -1}, r"ground_truth_from=-1: expected"),
        (
            {"ground_truth_from": 9, "ground_truth_below": 9},
            r"ground_truth_from=9: expected less than ground_truth_below=9",
        ),
        ({"below_inclusive": "yes"}, r"below_inclusive=yes: expected True or False"),
        ({"sets": {"eth3d": {"pixels": "x"}}}, r"^protocol\.sets\.eth3d\.pixels=x: expected noc"),
        (
            {"sets": {"eth3d": {"cap": 1}}},
            r"^protocol\.sets\.eth3d\.cap: no such option; expected pixels, ground_",
        ),
        ({"sets": {"eth3d": 192}}, r"^protocol\.sets\.eth3d=192: expected options, as in {pixels: all}"),
    ],
)
def test_what_cannot_be_is_said_in_one_message(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        EvaluationProtocol(**options)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(), "pixels that both views see, where the set tells them; mean over images"),
        (
            Rule("occ", ground_truth_below=192),
            "known pixels that the right view does not see, true disparity below 192 px;",
        ),
        (Rule("all", 192, 0.001, below_inclusive=True), "at least 0.001 px and at most 192 px"),
        (Rule("all", 191, 0, from_inclusive=False), "true disparity above 0 px and below 191 px"),
        (Rule(average="pixel"), "mean over the pixels of all images together"),
        (Rule(average="pixel", average_epe="image"), "of all images together, EPE: mean over images"),
        (Rule(headline="bad2"), "ranked by bad-2"),
    ],
)
def test_rules_in_words(rule: Rule, words: str) -> None:
    assert words in rule.words()
