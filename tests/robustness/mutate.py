"""Broken copies of files, for fuzzing: the same for a seed."""

from __future__ import annotations

import re

import numpy as np

_NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"99999999999", b"4294967295", b"", b"-0.0", b"[" * 300)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a broken copy: bits flipped, cut, spliced, a block repeated or zeroed, or a number replaced."""
    if not data:
        return rng.bytes(16)
    how = rng.integers(6)
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 65))
    if how == 0:
        broken = bytearray(data)
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            broken[place] ^= 1 << int(rng.integers(8))
        return bytes(broken)
    if how == 1:
        return data[:at]
    if how == 2:
        return data[:at] + data[at + length :]
    if how == 3:
        return data[:at] + data[at : at + length] * int(rng.integers(2, 20)) + data[at + length :]
    if how == 4:
        chance = rng.integers(2)
        filler = rng.bytes(length) if chance else bytes(255 * rng.integers(2, size=length, dtype=np.uint8))
        return data[:at] + filler + data[at + length :]
    numbers = list(re.finditer(rb"\d+", data[:4096]))
    if not numbers:
        return rng.bytes(length) + data
    found = numbers[int(rng.integers(len(numbers)))]
    return data[: found.start()] + _NUMBERS[int(rng.integers(len(_NUMBERS)))] + data[found.end() :]
