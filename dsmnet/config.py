"""Hydra in one place: where conf/ lies, composing it, and how tools end on a user's mistake."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dsmnet.atomic import atomic_write
from dsmnet.cli.added import check_arguments
from dsmnet.cli.arguments import literal
from dsmnet.cli.launch import HydraRun, with_choices
from dsmnet.cli.usage import usage
from dsmnet.ending import run_to_end
from dsmnet.errors import UserError
from dsmnet.options import without_secrets


def config_dir() -> Path:
    """Return the folder of the configuration: inside an installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def compose(config_name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose a primary configuration (``"train"``) with overrides, as the command line would.

    Raises:
        UserError: An override names something that does not exist.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        try:
            cfg = hydra_compose(config_name=config_name, overrides=list(overrides), return_hydra_config=True)
            choices = cfg.hydra.runtime.choices
            with open_dict(cfg):
                cfg.pop("hydra")
            return with_choices(cfg, choices)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{config_name} with {list(overrides)}: {error}") from error


def dataset_config(name: str, data: str) -> DictConfig:
    """Return the configuration of a data set of ``conf/dataset``, looked for under the folder `data`.

    Raises:
        UserError: There is no such file.
    """
    known = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml"))
    if name not in known:
        raise UserError(f"data set {name}: no such file in conf/dataset; there are {', '.join(known)}")
    composed = compose("check_data", [f"dataset={name}"])
    composed.paths.data = literal(data)
    return composed.dataset


def recipe_settings(name: str | None) -> list[str]:
    """Return what a recipe of ``conf/recipe`` sets, as overrides: ``["crop.height=256", ...]``."""
    file = config_dir() / "recipe" / f"{name}.yaml"
    content: Any = OmegaConf.to_container(OmegaConf.load(file)) if file.is_file() else {}
    bases = [each for each in content.pop("defaults", []) if each != "_self_"]
    inherited = [setting for base in bases for setting in recipe_settings(base)]
    return inherited + [f"{key}={value}" for key, value in _flat(content)]


def _flat(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def all_pairs(node: DictConfig) -> Any:
    """Build the data set of a configuration, ground truth or not; of a generator, its validation split."""
    if is_endless(node):
        return instantiate(node).split_validation()[1]
    return instantiate(node, require_ground_truth=False)


def is_endless(node: DictConfig) -> bool:
    """Whether the data set of a configuration is endless, see `dsmnet.types.StereoPairs`."""
    target: Any = hydra.utils.get_class(node["_target_"])
    return bool(target.endless)


def instantiate(node: Any, *args: Any, **kwargs: Any) -> Any:
    """Build what a node's ``_target_`` names; nested nodes arrive as plain dicts and lists.

    Raises:
        UserError: A target does not take an argument, or refused it; its own `UserError` comes out as itself.
    """
    check_arguments(node)
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


def listed(value: Any) -> list[Any]:
    """Return a list of what may be one thing, several or nothing."""
    if value is None:
        return []
    return list(value) if isinstance(value, ListConfig | list) else [value]


def save_config(cfg: DictConfig, path: Path) -> None:
    """Write the resolved configuration, without Hydra's own part and without secrets."""
    plain: Any = without_secrets(OmegaConf.to_container(cfg, resolve=True))
    plain.pop("hydra", None)
    with atomic_write(path) as part:
        OmegaConf.save(OmegaConf.create(_literal(plain)), part)


def _literal(value: Any) -> Any:
    """Return a plain value in which OmegaConf sees no interpolation."""
    if isinstance(value, dict):
        return {key: _literal(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_literal(entry) for entry in value]
    return literal(value) if isinstance(value, str) else value


def tool(config_name: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Turn ``main(cfg)`` into a command-line tool on ``conf/<config_name>.yaml``.

    A `UserError` ends it with status 1 and its message alone, and so does what Hydra refuses; the stack trace
    appears with ``HYDRA_FULL_ERROR=1``. Of several jobs (``-m``) each runs, whatever becomes of the others.
    """

    def decorate(main: Callable[[DictConfig], None]) -> Callable[[], None]:
        @functools.wraps(main)
        def run() -> None:
            if {"-h", "--help"} & set(sys.argv[1:]):
                about = sys.modules[main.__module__].__doc__ or ""
                sys.stdout.write(usage(config_dir(), config_name, about, sys.argv[1:]) + "\n")
                return
            run_to_end(HydraRun(config_name, main, config_dir(), compose))

        return run

    return decorate
