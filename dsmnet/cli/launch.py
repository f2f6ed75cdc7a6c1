"""A tool's run under Hydra: its jobs, the folder of each, and the message that ends them."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.main import get_args_parser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dsmnet.atomic import WriteError, cannot_write, lock_folder
from dsmnet.cli.arguments import SWEEP, did_you_mean, explain_refusal, quote_paths
from dsmnet.cli.usage import options
from dsmnet.ending import run_to_end
from dsmnet.errors import UserError

log = logging.getLogger(__name__)

_FULL_ERROR = "HYDRA_FULL_ERROR"  # of Hydra: it raises what it would print otherwise
Compose = Callable[[str, Sequence[str]], DictConfig]


def with_choices(cfg: DictConfig, choices: Mapping[Any, Any]) -> DictConfig:
    """Record under ``choices`` which file was taken from each group (``model: dsmnet_lite``)."""
    with open_dict(cfg):
        cfg.choices = {key: name for key, name in choices.items() if not key.startswith("hydra/")}
    return cfg


class HydraRun:
    """The run of the tool that has the configuration `name` in `conf`: one job, or with ``-m`` several."""

    def __init__(self, name: str, main: Callable[[DictConfig], None], conf: Path, compose: Compose) -> None:
        self._name, self._main, self._conf, self._compose = name, main, conf, compose
        self._arguments = list(sys.argv)
        self._jobs, self._failed = 0, list[str]()
        self._fault: Exception | None = None
        self._full_error = os.environ.get(_FULL_ERROR)

    def __call__(self) -> None:
        """Run the jobs.

        Raises:
            UserError: Hydra refuses the options, the folder cannot be written to, or jobs of several failed.
        """
        OmegaConf.register_new_resolver("tool", lambda: self._name, replace=True)

        job = functools.wraps(self._main)(lambda cfg: self._job(cfg))
        hydra_main = hydra.main(version_base="1.3", config_path=str(self._conf), config_name=self._name)
        tool, *arguments = self._arguments
        arguments.sort(key=lambda argument: argument in SWEEP)  # argparse takes no option between overrides
        _check_flags(arguments)
        sys.argv = [tool, *quote_paths(self._name, arguments)]
        try:
            with _full_error("1"):  # Hydra hands on what it would print
                hydra_main(job)()
        except Exception as error:
            if error is self._fault:
                raise
            if refused := _refused_by_system(error):
                raise cannot_write(f"paths.output={refused.filename!s}", refused) from error
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
            with _full_error(self._full_error):
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
        alone = lock_folder(output) if _is_first_process() else nullcontext()
        try:
            with alone:
                job = HydraConfig.get()
                self._check_experiment(with_choices(cfg, job.runtime.choices), job.overrides.task)
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
                value, there = self._choices_of(argument)
                if there and value not in there:
                    return f"{argument}: no such choice; there are {', '.join(there)}"
        about = {option.name: option.about for option in options(self._conf, self._name)}
        return explain_refusal(error, self._name, self._keys, lambda key: about.get(key, ""))

    def _keys(self) -> list[str]:
        """Names of the options and groups, with the groups that were chosen."""
        chosen = {argument: self._choices_of(argument) for argument in self._arguments[1:]}
        try:
            cfg = self._compose(
                self._name, [argument for argument, (value, there) in chosen.items() if value in there]
            )
        except UserError:
            cfg = self._compose(self._name, [])
        names = (name for name in _names(cfg) if name.partition(".")[0] != "choices")
        return list(dict.fromkeys([*names, *map(str, cfg.choices)]))

    def _choices_of(self, argument: str) -> tuple[str, list[str]]:
        """Return the value of an argument, and what there is to choose from if its option is a group."""
        key, _, value = argument.lstrip("+").partition("=")
        return value, sorted(file.stem for file in (self._conf / key.partition("@")[0]).glob("*.yaml"))

    def _check_experiment(self, cfg: DictConfig, overrides: Sequence[str]) -> None:
        """Refuse an experiment that sets options which another choice of the user, such as a model, lacks."""
        if not cfg.choices.get("experiment"):
            return
        chosen = [f"{key}={choice}" for key, choice in cfg.choices.items() if choice and key != "experiment"]
        added = [argument for argument in overrides if argument.startswith("+")]
        unknown = set(_names(cfg)) - set(_names(self._compose(self._name, [*chosen, *added])))
        if unknown:
            groups = {option.partition(".")[0] for option in unknown}
            others = ", ".join(f"{group}={cfg.choices[group]}" for group in sorted(groups & {*cfg.choices}))
            raise UserError(
                f"experiment={cfg.choices.experiment} sets {', '.join(sorted(unknown))}, "
                f"which {others or self._name} does not have; expected it without that choice"
            )


def _refused_by_system(error: BaseException | None) -> OSError | None:
    """Return what the operating system refused to Hydra, such as its log file; None if it was not that."""
    while error is not None and not isinstance(error, HydraException):
        if isinstance(error, OSError):
            return error
        error = error.__cause__
    return None


def _check_flags(arguments: Sequence[str]) -> None:
    """Refuse what starts with a hyphen and is no flag of Hydra's, in one line."""
    parser = get_args_parser()
    known = [name for action in parser._actions for name in action.option_strings]

    def refuse(message: str) -> NoReturn:
        wrong = message.rpartition(" ")[2] if "unrecognized" in message else ""
        raise UserError(f"{message}{did_you_mean(wrong, known) or '; options are given as OPTION=VALUE'}")

    parser.error = refuse  # type: ignore[method-assign]
    parser.parse_args(list(arguments))


def _is_first_process() -> bool:
    """Whether this process is the only one of its run, or of several that were started together the first."""
    ranks = [os.environ.get(name, "0") for name in ("RANK", "SLURM_PROCID")]
    return "LOCAL_RANK" not in os.environ and set(ranks) == {"0"}


def _names(node: Any, prefix: str = "") -> Iterator[str]:
    """Yield the full names of all options of a configuration."""
    for key in map(str, node) if isinstance(node, DictConfig) else ():
        if key in ("_target_", "_partial_"):
            continue
        yield prefix + key
        child = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        yield from _names(child, f"{prefix}{key}.")


@contextmanager
def _full_error(value: str | None) -> Iterator[None]:
    """Set that variable of the environment meanwhile; None takes it away."""
    earlier = os.environ.pop(_FULL_ERROR, None)
    try:
        os.environ |= {} if value is None else {_FULL_ERROR: value}
        yield
    finally:
        os.environ.pop(_FULL_ERROR, None)
        os.environ |= {} if earlier is None else {_FULL_ERROR: earlier}
