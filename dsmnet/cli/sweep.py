"""A sweep's record on disk: its jobs, how each has ended, and those to run again, whatever launches them."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from dsmnet.atomic import write_text
from dsmnet.cli.arguments import quoted
from dsmnet.ending import describe
from dsmnet.errors import FormatError, UserError, count, first_of, shown

log = logging.getLogger(__name__)

SWEEP_FILE, JOB_FILE = "sweep.json", "job.json"
_NOT_BEGUN = "has not begun"
_NOT_ENDED = "has not ended: still running, killed, or out of time or memory"
_LONGEST = 300  # characters of a reason


class Job(NamedTuple):
    """A job of a sweep as it was recorded."""

    number: int
    overrides: list[str]
    failed: str | None  # reason on one line; None: it has ended well
    folder: Path | None  # None: it has not begun


class SweepRecord(Callback):
    """Hydra's call at the start of a sweep, at which the list of its jobs is written.

    Args:
        number: Number of the job, in its own configuration; None in that of the sweep.
    """

    folder: ClassVar[Path | None] = None  # of the sweep that this process runs

    def __init__(self, number: int | None) -> None:
        super().__init__()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Write sweep.json; a folder that cannot be written to is told by the sweep itself."""
        overrides, folder = config.hydra.overrides, Path(config.hydra.sweep.dir)
        record = {
            "tool": config.hydra.job.config_name,
            "arguments": [*overrides.hydra, *overrides.task],
            "jobs": _plan(config),
        }
        with suppress(UserError):
            write_text(folder / SWEEP_FILE, json.dumps(record, indent=1))
            SweepRecord.folder = folder


def _plan(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each job; none for a sweeper that chooses them as it goes."""
    sweeper = config.hydra.sweeper
    if not str(sweeper._target_).endswith(f".{BasicSweeper.__name__}"):
        return []
    arguments = [*(f"{key}={value}" for key, value in (sweeper.params or {}).items())]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([*arguments, *config.hydra.overrides.task])
    return BasicSweeper.split_arguments(overrides, None)[0]


@contextmanager
def recorded(folder: Path, number: int, overrides: Sequence[str]) -> Iterator[None]:
    """Keep job.json in the folder of a job: that it runs, and then how it has ended."""

    def note(failed: str | None) -> None:
        record = {"number": number, "overrides": list(overrides), "failed": failed}
        write_text(folder / JOB_FILE, json.dumps(record, indent=1))

    note(_NOT_ENDED)
    try:
        yield
    except BaseException as error:
        reason = " ".join(describe(error)[0].split()) or type(error).__name__
        note(shown(reason, _LONGEST))
        raise
    note(None)


_SWEEP: dict[str, Callable[[Any], bool]] = {
    "tool": lambda value: isinstance(value, str),
    "arguments": lambda value: _are_texts(value),
    "jobs": lambda value: isinstance(value, list) and all(map(_are_texts, value)),
}
_JOB: dict[str, Callable[[Any], bool]] = {
    "number": lambda value: isinstance(value, int),
    "overrides": lambda value: _are_texts(value),
    "failed": lambda value: isinstance(value, str | None),
}


def read_sweep(folder: Path) -> tuple[dict[str, Any], list[Job]]:
    """Read the record of a sweep and its jobs in the order of their numbers.

    Raises:
        UserError: There is none; `FormatError` where it is broken.
    """
    if not (folder / SWEEP_FILE).is_file():
        raise UserError(f"again={folder}: expected the folder of a sweep (-m), which has {SWEEP_FILE}")
    sweep = _read(folder / SWEEP_FILE, _SWEEP)
    jobs = {number: Job(number, plan, _NOT_BEGUN, None) for number, plan in enumerate(sweep["jobs"])}
    for path in sorted(folder.rglob(JOB_FILE), key=lambda path: path.stat().st_mtime):
        record = _read(path, _JOB)
        number, failed = record["number"], record["failed"]
        # The plan has what was swept of Hydra's own options as well.
        overrides = jobs[number].overrides if number in jobs else record["overrides"]
        jobs[number] = Job(number, overrides, failed, path.parent)
    return sweep, [jobs[number] for number in sorted(jobs)]


def _read(path: Path, fields: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path}: broken: {error}") from None
    if not isinstance(record, dict) or not all(check(record.get(name)) for name, check in fields.items()):
        raise FormatError(f"{path}: not as a sweep writes it, with {', '.join(fields)}")
    return record


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def report_failed(folder: Path, program: str) -> str:
    """Log a line for each job that has failed; return how many, and the command that runs them again.

    Empty where none has failed, and where none has begun: what stopped the sweep then is told by itself.
    """
    _, jobs = read_sweep(folder)
    failed = [job for job in jobs if job.failed]
    if not failed or not any(job.folder for job in jobs):
        return ""
    for line in first_of([f"#{job.number} {_differing(job, jobs)}: {job.failed}" for job in failed]):
        log.error("%s", line)
    again = f"{program} {shlex.quote(f'again={folder}')}"
    return f"{len(failed)} of {count(len(jobs), 'job')} failed; this runs them again, alone: {again}"


def _differing(job: Job, jobs: Sequence[Job]) -> str:
    """Return the overrides that not all jobs have; of a single job all."""
    same = set(job.overrides).intersection(*(other.overrides for other in jobs)) if len(jobs) > 1 else ()
    return " ".join(text for text in job.overrides if text not in same)


def run_again(
    folder: Path, tool: str, arguments: Sequence[str], conf: Path, task: Callable[[DictConfig], Any]
) -> None:
    """Run the jobs of a sweep that have failed, in their folders, by the sweep's launcher or another.

    Args:
        folder: Folder of the sweep.
        tool: Name of the tool's configuration.
        arguments: Overrides that hold for each of the jobs, and for Hydra, in the place of those it had.
        conf: Folder of the configuration.
        task: Work of a job.

    Raises:
        UserError: There is no sweep of this tool there, or its record is broken.
    """
    sweep, jobs = read_sweep(folder)
    if sweep["tool"] != tool:
        raise UserError(f"again={folder}: is a sweep of {sweep['tool']}; expected one of {tool}")
    failed = [job for job in jobs if job.failed]
    SweepRecord.folder = folder
    if not failed:
        return
    own = ["hydra.mode=MULTIRUN", f"hydra.sweep.dir={quoted(str(folder))}"]
    given = _without(sweep["arguments"], [*arguments, *own])
    if "hydra/launcher" in map(_key, arguments):  # another launcher has options of its own
        given = [argument for argument in given if not argument.startswith("hydra.launcher.")]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf), job_name=tool):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        config = hydra.compose_config(
            config_name=tool,
            overrides=[*given, *arguments, *own],
            run_mode=RunMode.MULTIRUN,
            with_log_configuration=True,
        )
        context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
        launcher = Plugins.instance().instantiate_launcher(context, task, config)
        mine = [argument for argument in arguments if not _key(argument).startswith("hydra")]
        launcher.launch([job_overrides(job, tool, mine) for job in failed], initial_job_idx=0)


def job_overrides(job: Job, tool: str, arguments: Sequence[str]) -> list[str]:
    """Return the overrides of a job that is run again; a training goes on from its last checkpoint."""
    resume: list[str] = []
    if tool == "train" and job.folder and not (job.folder / "stage1").exists():  # stages go on by themselves
        last = job.folder / "checkpoints" / "last.ckpt"
        resume = [f"resume={quoted(str(last))}"] if last.is_file() else []
    given = [*_without(resume, arguments), *arguments, f"hydra.callbacks.sweep.number={job.number}"]
    return [*_without(job.overrides, given), *given]


def _without(overrides: Sequence[str], later: Sequence[str]) -> list[str]:
    """Return the overrides whose option is not given once more: Hydra refuses a group that is."""
    keys = {_key(argument) for argument in later}
    return [argument for argument in overrides if _key(argument) not in keys]


def _key(argument: str) -> str:
    return argument.lstrip("+~").partition("=")[0]
