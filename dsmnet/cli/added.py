"""Options that the command line adds (``+KEY=VALUE``), arguments of a ``_target_``: what is read passes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf

from dsmnet.cli.arguments import about_unknown
from dsmnet.cli.renamed import new_name
from dsmnet.errors import UserError

# TOOL:OPTION that is read where it is there, though the tool's configuration lacks it.
READ = (
    *("train:evaluation.min_disparity", "train:evaluation.confidence", "train:evaluation.error_breakdown"),
    *("train:evaluation.html", "train:evaluation.html_images"),
)
# Functions that hand their ``**options`` on, and to what.
_HANDED_ON = {"dsmnet.training.trainer.make_trainer": "pytorch_lightning.Trainer"}
_REFERENCE = re.compile(r"\$\{(?:oc\.select:)?([\w.]+)")
Compose = Callable[[str, Sequence[str]], DictConfig]


def check_added(
    tool: str,
    cfg: DictConfig,
    overrides: Sequence[str],
    conf: Path,
    compose: Compose,
    names: Callable[[], list[str]],
) -> None:
    """Refuse options added to `cfg` by `overrides` that nothing would read.

    Read are: arguments of a ``_target_`` and what lies in them, a new section with a ``_target_`` of its own,
    what an interpolation names, and `READ`. `names` gives those of all options, for what was meant.

    Raises:
        UserError: Names the first option that is not read.
    """
    added = [text.partition("=")[0] for text in overrides if text.startswith("+")]
    if not (added := [key for key in added if not _is_group(conf, key)]):
        return
    before = compose(tool, [text for text in overrides if _is_group(conf, text.partition("=")[0])])
    references = set(_REFERENCE.findall(OmegaConf.to_yaml(cfg)))
    for argument in added:
        key = argument.lstrip("+")
        if f"{tool}:{key}" in READ or any(f"{name}.".startswith(f"{key}.") for name in references):
            continue
        if renamed := new_name(tool, key):
            raise UserError(f"{argument}: is now called {renamed}")
        if (known := _alternatives(key, cfg, before)) is not None:
            read = [name.partition(":")[2] for name in READ if name.startswith(f"{tool}:")]
            raise UserError(f"{argument}: no such option{about_unknown(key, known or [*names(), *read])}")


def _is_group(conf: Path, key: str) -> bool:
    return (conf / key.lstrip("+").partition("@")[0]).is_dir()


def _alternatives(key: str, cfg: Any, before: Any) -> list[str] | None:
    """Return the arguments to take instead of one that is not read, maybe none; None where it is read."""
    parts, inside = key.split("."), False
    for depth, part in enumerate(parts):
        if not isinstance(before, DictConfig) or not isinstance(cfg, DictConfig):
            return None if inside else []
        if part not in before:
            new = cfg._get_node(part)
            if "_target_" in before:
                path = ".".join(parts[:depth])
                taken = _parameters(before)
                return None if taken is None or part in taken else [f"{path}.{name}" for name in taken]
            own = isinstance(new, DictConfig) and "_target_" in new
            return None if inside or own else []
        inside = inside or "_target_" in before
        cfg, before = cfg._get_node(part), before._get_node(part)
    return None


def target_that_takes(key: str, cfg: DictConfig) -> str | None:
    """Return the ``_target_`` that takes an option which its section lacks; None where there is none."""
    parent, _, name = key.rpartition(".")
    section = OmegaConf.select(cfg, parent) if parent else None
    if isinstance(section, DictConfig) and "_target_" in section and name in (_parameters(section) or ()):
        return str(section._target_)
    return None


def check_arguments(node: Any) -> None:
    """Refuse an argument, anywhere in a configuration, that the ``_target_`` beside it does not take.

    Raises:
        UserError: Names the argument, and what was meant.
    """
    for section in _sections(node):
        taken = _parameters(section)
        for name in map(str, section):
            if taken is not None and not name.startswith("_") and name not in taken:
                key, beside = section._get_full_key(name), (section._get_full_key(other) for other in taken)
                raise UserError(f"{key}: no such option{about_unknown(key, list(beside))}")


def _sections(node: Any) -> Iterator[DictConfig]:
    """Yield a section and those in it that have a ``_target_``."""
    if isinstance(node, DictConfig | ListConfig) and not (node._is_none() or node._is_missing()):
        if isinstance(node, DictConfig) and "_target_" in node:
            yield node
        keys: Any = node if isinstance(node, DictConfig) else range(len(node))
        for key in keys:
            yield from _sections(node._get_node(key))


def _parameters(section: DictConfig) -> list[str] | None:
    """Return the names of what a section's target takes; None where it takes any, or cannot be told."""
    target = str(section._target_)
    try:
        taken = dict(inspect.signature(get_object(target)).parameters)
        if target in _HANDED_ON:
            taken |= inspect.signature(get_object(_HANDED_ON[target])).parameters
            taken = {name: each for name, each in taken.items() if each.kind != each.VAR_KEYWORD}
    except (HydraException, ImportError, TypeError, ValueError):
        return None  # Hydra says what is wrong with it
    if any(each.kind == each.VAR_KEYWORD for each in taken.values()):
        return None
    return [name for name in taken if name not in ("self", "args")]
