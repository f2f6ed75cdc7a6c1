"""What is known of a data set before any pair is read: its origin, its size, whether it is there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dsmnet.datasets.base import About, StereoDataset

FOUND, NOT_FOUND, PASSED_OVER = "found", "not found", "passed over"
_MANDATORY = "???"  # what a configuration holds in the place of an option that has to be given
_OWN_OPTIONS = ("parts", "left", "right")  # what a mixture, or a folder of no set's form, is made of


class Source(NamedTuple):
    """Where a data set comes from, and whether it is there."""

    name: str
    state: str  # `FOUND`, `NOT_FOUND` or `PASSED_OVER`
    published: int | None  # pairs, where the authors state it and not only a subset is wanted
    about: About | None


def find_source(name: str, dataset: Any, options: Mapping[str, Any], state: str | None = None) -> Source:
    """Describe a data set by the name of its configuration, what makes it and its arguments.

    Unless its `state` is known, it is passed over if it cannot be built without options of its own, and found
    if its folder, ``root``, is there.
    """
    if state is None:
        there = "root" not in options or Path(options["root"] or "").expanduser().is_dir()
        state = PASSED_OVER if _needs_options(options) else FOUND if there else NOT_FOUND
    whole = state != PASSED_OVER and options.get("subset") is None
    published = published_pairs(dataset, options) if whole else None
    return Source(name, state, published, getattr(dataset, "about", None))


def published_pairs(dataset: Any, options: Mapping[str, Any]) -> int | None:
    """Return the number of pairs that the authors state of the part that the options of a set choose.

    It is None where they do not, or `dataset`, what makes the set, knows of no number.
    """
    if not isinstance(dataset, type) or not issubclass(dataset, StereoDataset):
        return None
    chosen = {name: options[name] for name in inspect.signature(dataset.tree).parameters if name in options}
    dataset.tree(**chosen)  # it knows which values there are
    return dataset.published(**chosen)


def _needs_options(options: Mapping[str, Any]) -> bool:
    """Say whether a set is one of files that its user has to name first: a mixture, or any folder."""
    own = [option for option in _OWN_OPTIONS if option in options]
    unset = any(options[option] is None for option in own) or options.get("root", ".") is None
    return unset or _MANDATORY in options.values() or (bool(own) and "root" not in options)
