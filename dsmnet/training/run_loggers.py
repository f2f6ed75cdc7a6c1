"""Loggers of a run: configuration, state of the code, pictures and the final table beside its curves."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from dsmnet.errors import UserError
from dsmnet.options import hide_secrets, without_secrets

_SECONDS = 10  # after which a server counts as not there


class RunLoggers:
    """The loggers of a run by name; every method does what each of them can.

    Args:
        loggers: Loggers by the names they have in ``conf/logger``.
    """

    def __init__(self, loggers: Mapping[str, Logger]) -> None:
        self.loggers = dict(loggers)

    def _of(self, kind: type[Any]) -> Iterator[Any]:
        return (logger for logger in self.loggers.values() if isinstance(logger, kind))

    def begin(self, config: Mapping[str, Any]) -> None:
        """Open the loggers and give them the configuration and the state of the code.

        Raises:
            UserError: One cannot be opened: a server is not there, or does not let the user in.
        """
        record = {**without_secrets(config), "git": git_state(Path(__file__).parent)}
        for name, logger in self.loggers.items():
            try:
                if isinstance(logger, MLFlowLogger):
                    _check_server(logger._tracking_uri)
                    record = {**record, "choices": _plain_keys(record.get("choices") or {})}
                logger.log_hyperparams(record)
            except Exception as error:  # each has errors of its own
                reason = " ".join(hide_secrets(str(error)).split()) or type(error).__name__
                raise UserError(f"logger={name}: cannot be started: {reason[:300]}") from error
        for mlflow in self._of(MLFlowLogger):  # which cuts what is longer than a line
            mlflow.experiment.log_text(mlflow.run_id, yaml.safe_dump(record, sort_keys=False), "config.yaml")

    def finish(self, scores: Mapping[str, float], table: str) -> None:
        """Log the final table.

        Args:
            scores: Scores by name, as ``zero_shot/kitti2015/epe``.
            table: The table as Markdown.
        """
        for logger in self.loggers.values():
            if not isinstance(logger, CSVLogger):  # beside metrics.csv lies results.csv
                logger.log_metrics(dict(scores))
        for board in self._of(TensorBoardLogger):
            board.experiment.add_text("results", table)
        for wandb in self._of(WandbLogger):
            rows = [[*name.split("/")[1:], value] for name, value in scores.items()]
            wandb.log_table("results", columns=["set", "metric", "value"], data=rows)
        for mlflow in self._of(MLFlowLogger):
            mlflow.experiment.log_text(mlflow.run_id, table, "results.md")

    def close(self, failed: bool) -> None:
        """Let go of the loggers: another run in this process opens its own."""
        for logger in self.loggers.values():
            if isinstance(logger, WandbLogger) and logger._experiment is not None:
                logger.experiment.finish(exit_code=int(failed))
            elif not isinstance(logger, CSVLogger):  # it would write the curve once more
                logger.finalize("failed" if failed else "success")


def log_picture(logger: Logger, name: str, picture: NDArray[np.uint8], step: int) -> None:
    """Log a picture [H, W, 3]; a logger that takes none goes without.

    Args:
        logger: Logger of a run.
        name: Name of the picture, the same at every step.
        picture: RGB picture.
        step: Training step that it belongs to.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(name, picture, step, dataformats="HWC")
    elif isinstance(logger, WandbLogger):
        logger.log_image(name, [picture], step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, picture, key=name, step=step, synchronous=True)


def git_state(folder: Path) -> dict[str, Any]:
    """Return ``commit`` of the code in a folder, and whether files differ from it (``dirty``); else None."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", "__init__.py") is None:  # installed within somebody else's checkout
        return {"commit": None, "dirty": None}
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def _check_server(address: str) -> None:
    """Find out in seconds that a server is not there, which its client would try for minutes."""
    place = urlsplit(address)
    if place.scheme in ("http", "https") and place.hostname:
        port = place.port or (443 if place.scheme == "https" else 80)
        try:
            socket.create_connection((place.hostname, port), _SECONDS).close()
        except OSError as error:
            raise UserError(f"{address} cannot be reached ({error.strerror or error})") from None


def _plain_keys(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choices under names that MLflow takes: without ``@``."""
    return {re.sub(r"[^\w./ -]", "_", name): choice for name, choice in choices.items()}
