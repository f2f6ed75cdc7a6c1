"""Kinds of scenes, by name."""

from __future__ import annotations

from collections.abc import Callable

from dsmnet.synthetic.layouts.close import random_surfaces, still_life
from dsmnet.synthetic.layouts.indoor import room
from dsmnet.synthetic.layouts.outdoor import open_ground, street
from dsmnet.synthetic.scene import Scene

LAYOUTS: dict[str, Callable[[Scene], None]] = {
    "street": street,
    "ground": open_ground,
    "indoor": room,
    "still": still_life,
    "random": random_surfaces,
}
