"""How many pairs a data set has by its authors' word, seen from its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


def published_pairs(dataset: Any, options: Mapping[str, Any]) -> int | None:
    """Return the number of pairs that the authors state; None where they do not, or there is no number.

    Args:
        dataset: class of the data set, or whatever else makes it.
        options: its arguments; those that choose a part of it (split, resolution) are passed on.
    """
    published = getattr(dataset, "published", None)
    tree = getattr(dataset, "tree", None)
    if published is None or tree is None:
        return None
    chosen = {name: options[name] for name in inspect.signature(tree).parameters if name in options}
    number: int | None = published(**chosen)
    return number
