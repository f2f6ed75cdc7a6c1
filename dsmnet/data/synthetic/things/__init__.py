"""Things that stand about in a world."""

from __future__ import annotations

from dsmnet.data.synthetic.things.furniture import chair, pile, small_thing, table
from dsmnet.data.synthetic.things.outside import car, fence, person, sign
from dsmnet.data.synthetic.things.plants import leafy, tree
from dsmnet.data.synthetic.things.rounded import lump, post, shadow_below, sphere

__all__ = [
    "car",
    "chair",
    "fence",
    "leafy",
    "lump",
    "person",
    "pile",
    "post",
    "shadow_below",
    "sign",
    "small_thing",
    "sphere",
    "table",
    "tree",
]
