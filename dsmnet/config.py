"""Hydra in one place: where conf/ lies, composing it, and how tools end on a user's mistake."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dsmnet.ending import run_to_end
from dsmnet.errors import FormatError, UserError

# Bounds of a configuration that came with a file of weights; those of the package have 70 values up to 192.
_MOST_NODES, _MOST_DEPTH, _LARGEST = 1000, 12, 4096


def config_dir() -> Path:
    """Return the folder of the configuration: inside an installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def compose(config_name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose a primary configuration (``"train"``) with overrides, as the command line would.

    Raises:
        UserError: an override names something that does not exist.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        try:
            cfg = hydra_compose(config_name=config_name, overrides=list(overrides), return_hydra_config=True)
            choices = cfg.hydra.runtime.choices
            with open_dict(cfg):
                cfg.pop("hydra")
            return _with_choices(cfg, choices)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{config_name} with {list(overrides)}: {error}") from error


def dataset_config(name: str, data: str) -> DictConfig:
    """Return the configuration of a data set of ``conf/dataset``, looked for under the folder `data`.

    Raises:
        UserError: there is no such file.
    """
    known = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml"))
    if name not in known:
        raise UserError(f"data set {name}: no such file in conf/dataset; there are {', '.join(known)}")
    composed = compose("check_data", [f"dataset={name}"])
    composed.paths.data = data
    return composed.dataset


def all_pairs(node: DictConfig) -> Any:
    """Build the data set of a configuration with or without truth; of a generator, what no training sees."""
    if "require_truth" in node:
        return instantiate(node, require_truth=False)
    return instantiate(node) if "root" in node else instantiate(node).split_validation()[1]


def instantiate(node: Any, *args: Any, **kwargs: Any) -> Any:
    """Build what a node's ``_target_`` names; nested nodes arrive as plain dicts and lists.

    Raises:
        UserError: the target refused its arguments; its own `UserError` comes out as itself.
    """
    try:
        return hydra.utils.instantiate(node, *args, _convert_="all", **kwargs)
    except HydraException as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
            if isinstance(cause, UserError):
                raise cause from None
        target = node.get("_target_") if isinstance(node, DictConfig) else None
        raise UserError(f"cannot build {target or 'the configured object'}: {cause}") from error


@functools.cache
def building_blocks() -> frozenset[str]:
    """Every ``_target_`` of conf/model and conf/norm: all that the configuration of a network may name."""
    found: set[str] = set()
    for group in ("model", "norm"):
        for file in (config_dir() / group).rglob("*.yaml"):
            found.update(re.findall(r"^\s*_target_:\s*(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    return frozenset(found)


def build_stored(node: Any, source: str) -> Any:
    """Build a network, or a part of one, from a configuration that came with a file of weights.

    The file may be a stranger's: only the package's own building blocks are named, everything else is a plain
    value of moderate size, and nothing refers to the environment.

    Args:
        node: What the file holds.
        source: Of the file, for messages.

    Raises:
        FormatError: the configuration asks for anything else; nothing was built.
        UserError: a building block refused its arguments.
    """
    _check_stored(node, source, [_MOST_NODES])
    try:
        return instantiate(node)
    except UserError as error:
        raise FormatError(f"{source}: its configuration builds no network ({str(error)[:200]})") from None


def _check_stored(node: Any, source: str, left: list[int], depth: int = 0) -> None:
    """Refuse a value that the configuration of no network holds; `left` counts what may still come."""
    left[0] -= 1
    if left[0] < 0 or depth > _MOST_DEPTH:
        raise FormatError(f"{source}: its configuration is larger than that of any network")
    if isinstance(node, dict):
        for key, value in node.items():
            _check_stored_entry(key, value, source)
            _check_stored(value, source, left, depth + 1)
    elif isinstance(node, list | tuple):
        for value in node:
            _check_stored(value, source, left, depth + 1)
    elif isinstance(node, str):
        if len(node) > 200 or "${" in node or "???" in node:
            raise FormatError(f"{source}: its configuration holds {node[:40]!a}; expected plain values alone")
    elif not (node is None or isinstance(node, bool | int | float)) or not _moderate(node):
        raise FormatError(f"{source}: its configuration holds {str(node)[:40]!a}; expected moderate numbers")


def _check_stored_entry(key: Any, value: Any, source: str) -> None:
    """Refuse a key that is no argument, and a target outside of the building blocks."""
    if key == "_target_":
        if not isinstance(value, str) or value not in building_blocks():
            raise FormatError(
                f"{source}: refused, its configuration names {str(value)[:100]!a}, which is no building "
                "block of conf/model or conf/norm; nothing of the file was run"
            )
    elif key == "_partial_":
        if not isinstance(value, bool):
            raise FormatError(f"{source}: its configuration holds _partial_={str(value)[:40]!a}")
    elif not isinstance(key, str) or not key.isidentifier() or key.startswith("_"):
        raise FormatError(f"{source}: refused, its configuration holds the key {str(key)[:40]!a}")


def _moderate(number: bool | int | float | None) -> bool:
    return number is None or (math.isfinite(number) and abs(number) <= _LARGEST)


def _with_choices(cfg: DictConfig, choices: Mapping[Any, Any]) -> DictConfig:
    """Record under ``choices`` which file was taken from each group (``model: dsmnet_lite``)."""
    with open_dict(cfg):
        cfg.choices = {key: name for key, name in choices.items() if not key.startswith("hydra/")}
    return cfg


def _for_this_job(cfg: DictConfig) -> DictConfig:
    """Record the choices; of several jobs (``--multirun``), give each a folder of its own."""
    job = HydraConfig.get()
    if job.mode == RunMode.MULTIRUN:
        with open_dict(cfg):
            cfg.paths.output = job.runtime.output_dir
    return _with_choices(cfg, job.runtime.choices)


def save_config(cfg: DictConfig, path: Path) -> None:
    """Write the resolved configuration, without Hydra's own part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    OmegaConf.save(OmegaConf.create(plain), path)


def tool(config_name: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Turn ``main(cfg)`` into a command-line tool on ``conf/<config_name>.yaml``.

    A `UserError` ends it with status 1 and its message alone; the stack trace appears with
    ``HYDRA_FULL_ERROR=1``.
    """

    def decorate(main: Callable[[DictConfig], None]) -> Callable[[], None]:
        @functools.wraps(main)
        def guarded(cfg: DictConfig) -> None:
            run_to_end(lambda: main(_for_this_job(cfg)), (OmegaConfBaseException,))

        return hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=config_name)(guarded)

    return decorate
