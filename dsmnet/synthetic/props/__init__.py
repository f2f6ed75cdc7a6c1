"""Things that stand about in a world."""

from __future__ import annotations

from dsmnet.synthetic.props.furniture import chair, pile, small_thing, table
from dsmnet.synthetic.props.outside import car, fence, person, sign
from dsmnet.synthetic.props.plants import leafy, tree
from dsmnet.synthetic.props.rounded import lump, post, shadow_below, sphere

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
