"""Hydra in one place: where conf/ lies, composing it, and how tools end on a user's mistake."""

from __future__ import annotations

import functools
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
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

from dsmnet.atomic import WriteError, atomic_write, cannot_write, lock_folder
from dsmnet.command_line import SWEEP, explain, literal, quote_paths
from dsmnet.ending import run_to_end
from dsmnet.errors import FormatError, UserError
from dsmnet.usage import options, usage

log = logging.getLogger(__name__)

_FULL_ERROR = "HYDRA_FULL_ERROR"  # of Hydra: it raises what it would print otherwise
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
    composed.paths.data = literal(data)
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


def save_config(cfg: DictConfig, path: Path) -> None:
    """Write the resolved configuration, without Hydra's own part."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
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
                sys.stdout.write(usage(config_dir(), config_name, about) + "\n")
                return
            run_to_end(_HydraRun(config_name, main))

        return run

    return decorate


class _HydraRun:
    """A tool's run: one job, or with ``-m`` several.

    Args:
        name: of the configuration.
        main: the tool's work.
    """

    def __init__(self, name: str, main: Callable[[DictConfig], None]) -> None:
        self._name, self._main = name, main
        self._arguments = list(sys.argv)
        self._jobs, self._failed = 0, list[str]()
        self._fault: Exception | None = None
        self._environment = {_FULL_ERROR: os.environ.get(_FULL_ERROR)}

    def __call__(self) -> None:
        OmegaConf.register_new_resolver("tool", lambda: self._name, replace=True)

        @functools.wraps(self._main)
        def job(cfg: DictConfig) -> None:
            self._job(cfg)

        hydra_main = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=self._name)
        tool, *arguments = self._arguments
        arguments.sort(key=lambda argument: argument in SWEEP)  # argparse takes no option between overrides
        sys.argv = [tool, *quote_paths(self._name, arguments)]
        try:
            with _environment(**{_FULL_ERROR: "1"}):  # Hydra hands on what it would print
                hydra_main(job)()
        except Exception as error:
            if error is self._fault:
                raise
            if isinstance(error, OSError) and not isinstance(error, HydraException):
                raise cannot_write(f"paths.output={error.filename!s}", error) from error
            raise UserError(self._explain(error)) from error
        finally:
            sys.argv = self._arguments
        if self._failed:
            raise UserError(f"{len(self._failed)} of {self._jobs} jobs failed: {'; '.join(self._failed)}")

    def _job(self, cfg: DictConfig) -> None:
        """Do the work of one job; one of several that fails is told and counted."""
        job, hydras = HydraConfig.get(), sys.argv
        several = job.mode == RunMode.MULTIRUN
        self._jobs += 1
        sys.argv = self._arguments  # with which Lightning starts the other processes of a training
        try:
            with _environment(**self._environment):
                run_to_end(lambda: self._work(cfg, Path(job.runtime.output_dir if several else job.run.dir)))
        except SystemExit as end:
            if not several or end.code != 1:
                raise
        except Exception as error:
            self._fault = error
            if not several:
                raise
            log.exception("a fault of the program")
        else:
            return
        finally:
            sys.argv = hydras
        self._failed.append(f"#{job.job.num} {' '.join(job.overrides.task)}")

    def _work(self, cfg: DictConfig, output: Path) -> None:
        with open_dict(cfg):
            cfg.paths.output = str(output)
        # The other processes of a training write to the folder of the first.
        alone = nullcontext() if "LOCAL_RANK" in os.environ else lock_folder(output)
        try:
            with alone:
                job = HydraConfig.get()
                _check_experiment(self._name, _with_choices(cfg, job.runtime.choices), job.overrides.task)
                self._main(cfg)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(self._explain(error)) from error
        except OSError as error:
            place = Path(str(error.filename or output))
            if output in (place, *place.parents):
                raise cannot_write(f"paths.output={place}", error) from error
            raise
        except WriteError as error:
            raise WriteError(f"paths.output: {error}") from error

    def _explain(self, error: Exception) -> str:
        if "Config group override" in str(error):  # a number, or null where something has to be chosen
            for argument in self._arguments[1:]:
                value, there = _choices_of(argument)
                if there and value not in there:
                    return f"{argument}: no such choice; there are {', '.join(there)}"
        about = {option.name: option.about for option in options(config_dir(), self._name)}
        return explain(error, self._keys, lambda key: about.get(key, ""))

    def _keys(self) -> list[str]:
        """Names of the options and groups, with the groups that were chosen."""
        chosen = {argument: _choices_of(argument) for argument in self._arguments[1:]}
        try:
            cfg = compose(
                self._name, [argument for argument, (value, there) in chosen.items() if value in there]
            )
        except UserError:
            cfg = compose(self._name)
        return [*_names(cfg), *map(str, cfg.choices)]


def _choices_of(argument: str) -> tuple[str, list[str]]:
    """Return the value of an argument that chooses from a group, and what there is; else an empty list."""
    key, _, value = argument.lstrip("+").partition("=")
    return value, sorted(file.stem for file in (config_dir() / key.partition("@")[0]).glob("*.yaml"))


def _names(node: Any, prefix: str = "") -> Iterator[str]:
    """Yield the full names of all options of a configuration."""
    for key in map(str, node) if isinstance(node, DictConfig) else ():
        yield prefix + key
        child = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        yield from _names(child, f"{prefix}{key}.")


def _check_experiment(name: str, cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Refuse an experiment that sets options which another choice of the user, such as a model, lacks."""
    if not cfg.choices.get("experiment"):
        return
    chosen = [f"{key}={choice}" for key, choice in cfg.choices.items() if choice and key != "experiment"]
    added = [argument for argument in overrides if argument.startswith("+")]
    unknown = set(_names(cfg)) - set(_names(compose(name, [*chosen, *added])))
    if unknown:
        groups = {option.partition(".")[0] for option in unknown}
        others = ", ".join(f"{group}={cfg.choices[group]}" for group in sorted(groups & {*cfg.choices}))
        raise UserError(
            f"experiment={cfg.choices.experiment} sets {', '.join(sorted(unknown))}, which {others or name} "
            "does not have; expected the experiment without other choices of that kind"
        )


@contextmanager
def _environment(**variables: str | None) -> Iterator[None]:
    """Set variables of the environment meanwhile; None takes one away."""
    earlier = {name: os.environ.get(name) for name in variables}
    try:
        _set(variables)
        yield
    finally:
        _set(earlier)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
