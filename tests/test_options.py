"""Checks of option values: what they take, and what they say of the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from dsmnet.errors import UserError
from dsmnet.options import (
    check_choice,
    check_number,
    check_range,
    check_share,
    check_whole,
    check_whole_range,
)


def test_check_returns_the_value_it_accepts() -> None:
    assert check_choice("mode", None, ("a", None)) is None
    assert check_number("size", 2, above=1, unit="pixels") == 2.0
    assert check_whole("count", 0, least=0) == 0
    assert check_share("share", 1) == 1.0
    assert check_range("scales", [-1, 2.5]) == (-1, 2.5)
    assert check_whole_range("boxes", [1, 2]) == (1, 2)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_choice("mode", "x", ("a", "b", None)), "mode=x: expected a, b or null"),
        (lambda: check_choice("mode", ["a"], ("a",)), "mode=['a']: expected a"),
        (
            lambda: check_number("size", math.nan, above=0, unit="pixels"),
            "size=nan: expected a number of pixels above 0",
        ),
        (lambda: check_number("size", True), "size=True: expected a number"),
        (lambda: check_number("size", math.inf), "size=inf: expected a number"),
        (lambda: check_whole("count", 1.0), "count=1.0: expected a whole number of at least 1"),
        (lambda: check_whole("seed", -1, least=0, most=9), "seed=-1: expected a whole number from 0 to 9"),
        (lambda: check_share("share", 1.1), "share=1.1: expected a number from 0 to 1"),
        (lambda: check_range("scales", [2, 1]), "scales=[2, 1]: expected two numbers, the lower one first"),
        (lambda: check_whole_range("boxes", [1, 1.5]), "boxes=1.5: expected a whole number of at least 1"),
        (lambda: check_range("scales", "ab"), "scales=ab: expected two numbers, the lower one first"),
        (
            lambda: check_range("boxes", [0, 1], least=1),
            "boxes=[0, 1]: expected two numbers, the lower one first, of at least 1",
        ),
    ],
)
def test_check_names_the_option_and_what_was_expected(check: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        check()
    assert str(refused.value) == message
