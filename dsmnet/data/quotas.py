"""Who comes next, where each has a share: a fixed order in which nobody is ever a whole turn off.

R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_FINEST = 10_000  # turns, the longest period


def whole_shares(weights: Sequence[float]) -> list[int]:
    """Return positive whole numbers in the ratio of the weights.

    Exact where that takes a period of at most 10,000 turns, as decimal weights mostly do; else rounded to
    parts of 10,000, each at least one.
    """
    exact = [Fraction(repr(float(weight))) for weight in weights]
    scale = math.lcm(*(share.denominator for share in exact))
    counts = [int(share * scale) for share in exact]
    divisor = math.gcd(*counts)
    counts = [count // divisor for count in counts]
    if sum(counts) > _FINEST:
        total = sum(exact)
        counts = [max(1, round(share / total * _FINEST)) for share in exact]
    return counts


def interleave(counts: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one period of the order.

    Args:
        counts: Turns of each in a period, at least one.

    Returns:
        Whose turn it is, and how many turns he had before in this period, int64 [sum(counts)] each. Among the
        first n turns each has had n * count / sum(counts), off by less than one.
    """
    total, members = sum(counts), len(counts)
    # Tijdeman's bound 1 - 1 / (2 m - 2), times `slack` and `total`, to count in whole numbers.
    slack = max(2 * members - 2, 1)
    had = [0] * members
    order, ranks = np.empty(total, np.int64), np.empty(total, np.int64)
    for turn in range(total):
        due = [slack * (count * (turn + 1) - total * own) for count, own in zip(counts, had, strict=True)]
        ready = [member for member in range(members) if due[member] >= total or members == 1]
        # Of those that may have it already, the one that must have it first.
        chosen = min(ready, key=lambda member: Fraction((slack - 1) * total - due[member], counts[member]))
        order[turn], ranks[turn] = chosen, had[chosen]
        had[chosen] += 1
    return order, ranks
