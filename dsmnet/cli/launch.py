"""A tool's run under Hydra: its jobs, the folder of each, and the message that ends them."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import re
import shlex
import signal
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

from dsmnet import processes
from dsmnet.atomic import WriteError, cannot_write, lock_folder
from dsmnet.cli.added import check_added, target_that_takes
from dsmnet.cli.arguments import SWEEP, did_you_mean, explain_refusal, quote_paths
from dsmnet.cli.sweep import SweepRecord, recorded, report_failed, run_again
from dsmnet.cli.usage import options
from dsmnet.ending import run_to_end
from dsmnet.errors import UserError
from dsmnet.options import without_secrets

log = logging.getLogger(__name__)

_AGAIN = "again="
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
        self._fault: Exception | None = None
        self._full_error = os.environ.get(_FULL_ERROR)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in a process that a launcher has started."""
        self.__dict__.update(state)
        self._register()

    def _register(self) -> None:
        OmegaConf.register_new_resolver("tool", lambda: self._name, replace=True)

    def __call__(self) -> None:
        """Run the jobs.

        Raises:
            UserError: Hydra refuses the options, the folder cannot be written to, or jobs of several failed.
        """
        self._register()
        SweepRecord.folder = None
        job = functools.wraps(self._main)(lambda cfg: self._job(cfg))
        hydra_main = hydra.main(version_base="1.3", config_path=str(self._conf), config_name=self._name)
        tool, *arguments = self._arguments
        arguments.sort(key=lambda argument: argument in SWEEP)  # argparse takes no option between overrides
        _check_flags(arguments)
        _check_launcher(arguments)
        _check_secrets(arguments)
        if self._name == "train":
            arguments += _shared(arguments)
        sys.argv = [tool, *quote_paths(self._name, arguments)]
        try:
            with _full_error("1"):  # Hydra hands on what it would print
                if again := [text.removeprefix(_AGAIN) for text in arguments if text.startswith(_AGAIN)]:
                    mine = [text for text in sys.argv[1:] if not text.startswith((*SWEEP, _AGAIN))]
                    run_again(Path(again[-1]).expanduser(), self._name, mine, self._conf, job)
                else:
                    hydra_main(job)()
        except Exception as error:
            if error is self._fault or isinstance(error, UserError):
                raise
            if refused := _refused_by_system(error):
                raise cannot_write(f"paths.output={refused.filename!s}", refused) from error
            raise UserError("; ".join([self._explain(error), *self._report()])) from error
        except (KeyboardInterrupt, SystemExit):
            for failed in self._report():
                log.error("%s", failed)
            raise
        finally:
            sys.argv = self._arguments
        for failed in self._report():
            raise UserError(failed)

    def _report(self) -> list[str]:
        """Return the message about the jobs of a sweep that have failed, if any of it has begun at all."""
        folder = SweepRecord.folder
        report = report_failed(folder, self._program()) if folder else ""
        return [report] if report else []

    def _program(self) -> str:
        """Return what the tool is called in a shell."""
        path = Path(self._arguments[0])
        return f"dsmnet {self._name}" if path.parent.name == "commands" else shlex.join(["python", str(path)])

    def _job(self, cfg: DictConfig) -> None:
        """Do the work of one job; one of several that fails is told and counted."""
        job, hydras = HydraConfig.get(), sys.argv
        several = job.mode == RunMode.MULTIRUN
        sys.argv = self._arguments  # with which Lightning starts the other processes of a training
        try:
            with _full_error(self._full_error):
                run_to_end(lambda: self._work(cfg, Path(job.runtime.output_dir if several else job.run.dir)))
        except SystemExit as end:
            if not several or end.code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
                raise
        except Exception as error:
            self._fault = error
            if not several:
                raise
            log.exception("a fault of the program")
        finally:
            sys.argv = hydras

    def _work(self, cfg: DictConfig, output: Path) -> None:
        with open_dict(cfg):
            cfg.paths.output = str(output)
        job, first = HydraConfig.get(), processes.is_first()
        # The other processes of a training write to the folder of the first.
        alone = lock_folder(output) if first else nullcontext()
        number, given = job.callbacks["sweep"].number, job.overrides.task
        noted = recorded(output, number, given) if first and number is not None else nullcontext()
        try:
            with alone, noted:
                self._check_options(with_choices(cfg, job.runtime.choices), job.overrides.task)
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
        return explain_refusal(
            error,
            self._name,
            self._keys,
            lambda key: about.get(key, ""),
            lambda key: target_that_takes(key, self._composed()),
        )

    def _composed(self) -> DictConfig:
        """The configuration with the groups that were chosen, without other options."""
        chosen = {argument: self._choices_of(argument) for argument in self._arguments[1:]}
        try:
            return self._compose(
                self._name, [argument for argument, (value, there) in chosen.items() if value in there]
            )
        except UserError:
            return self._compose(self._name, [])

    def _keys(self) -> list[str]:
        """Names of the options and groups, with the groups that were chosen."""
        cfg = self._composed()
        names = (name for name in _names(cfg) if name.partition(".")[0] != "choices")
        return list(dict.fromkeys([*names, *map(str, cfg.choices)]))

    def _choices_of(self, argument: str) -> tuple[str, list[str]]:
        """Return the value of an argument, and what there is to choose from if its option is a group."""
        key, _, value = argument.lstrip("+").partition("=")
        return value, sorted(file.stem for file in (self._conf / key.partition("@")[0]).glob("*.yaml"))

    def _check_options(self, cfg: DictConfig, overrides: Sequence[str]) -> None:
        """Refuse options added in vain, and an experiment that sets those which another choice lacks."""
        check_added(self._name, cfg, overrides, self._conf, self._compose, self._keys)
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


def _check_launcher(arguments: Sequence[str]) -> None:
    """Refuse a launcher whose package is missing."""
    for argument in arguments:
        found = re.fullmatch(r"hydra/launcher=(joblib|slurm|local|submitit_\w+)", argument)
        plugin = "joblib" if argument.endswith("=joblib") else "submitit"
        if found and not _is_installed("hydra_plugins", f"hydra_plugins.hydra_{plugin}_launcher"):
            raise UserError(f"{argument}: its package is missing; expected pip install 'dsmnet[sweeps]'")


def _check_secrets(arguments: Sequence[str]) -> None:
    """Refuse passwords and keys of loggers, which sweeps and results would keep for others to read."""
    for argument in arguments:
        key, _, value = argument.lstrip("+").partition("=")
        if key.startswith("logger.") and without_secrets(value, key) != value:
            raise UserError(f"{key}: holds a secret, which would be stored; expected it in the environment")


def _is_installed(*modules: str) -> bool:
    """Whether modules are there, each looked for only where the one it lies in is."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def _shared(arguments: Sequence[str]) -> list[str]:
    """Return overrides for one of several processes that train: all know one folder, the first writes to it.

    Raises:
        UserError: They were started apart, and know none.
    """
    overrides = []
    given = any(argument.startswith(("paths.output=", "hydra.run.dir=")) for argument in arguments)
    if not given and (name := processes.common_name()):
        overrides.append(f"paths.output=outputs/train/{name}")
    if not processes.is_first() and not any("job_logging" in argument for argument in arguments):
        line = f"[%(asctime)s][{processes.place()}][%(name)s][%(levelname)s] - %(message)s"
        form, level = "formatters.simple.format", "handlers.console.level"  # libraries set that of loggers
        values = [f"hydra.job_logging.{form}='{line}'", f"+hydra.job_logging.{level}=WARNING"]
        overrides += ["hydra/job_logging=stdout", *values]
    return overrides


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
