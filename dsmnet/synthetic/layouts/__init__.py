"""Kinds of scenes, by name."""

from __future__ import annotations

from collections.abc import Callable

from dsmnet.synthetic.layouts import ground, indoor, random, still, street
from dsmnet.synthetic.scene import Scene

LAYOUTS: dict[str, Callable[[Scene], None]] = {
    "street": street.build,
    "ground": ground.build,
    "indoor": indoor.build,
    "still": still.build,
    "random": random.build,
}
