"""Record of finished pairs beside the results, so that an interrupted run can go on."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsmnet.atomic import cannot_write, write_text
from dsmnet.errors import UserError
from dsmnet.io.pairs import PairFiles

log = logging.getLogger(__name__)

NAME = "predictions.jsonl"
# Options that do not change the files of a pair; the input files are recorded for each pair.
_IRRELEVANT = {"left", "right", "calib", "progress", "paths", "resume", "device", "ahead", "color_video"}
_IRRELEVANT |= {"choices", "hydra", "frames", "save", "viewer", "camera"}


class PredictionRecord:
    """A line of JSON per finished pair, below one with the options they were made with.

    Args:
        folder: Folder of the results; made as needed.
        options: Options of the run, by name.
        resume: Whether to go on with an earlier run; else a new record takes its place.

    Raises:
        UserError: The earlier run had other options, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any], resume: bool = False) -> None:
        self.folder, self.path = folder, folder / NAME
        made_by = {key: value for key, value in options.items() if key not in _IRRELEVANT}
        made_by = json.loads(json.dumps(made_by, default=str))
        lines = self._read() if resume else []
        if resume and not lines:
            log.warning(
                "resume=true: %s holds nothing of an earlier run, so that all pairs are predicted; "
                "paths.output carries the time unless it is given",
                folder,
            )
        earlier = lines[0].get("made_by") if lines else made_by
        earlier = earlier if isinstance(earlier, dict) else {}
        for key in {**earlier, **made_by}:
            if earlier.get(key) != made_by.get(key):
                raise UserError(
                    f"resume=true {key}={made_by.get(key)}: what is in {folder} was made with "
                    f"{key}={earlier.get(key)}; expected the same options, or resume=false to replace it"
                )
        self._done = {tuple(line["pair"]): line for line in lines[1:] if "pair" in line}
        text = "".join(json.dumps(line) + "\n" for line in ({"made_by": made_by}, *lines[1:]))
        write_text(self.path, text)

    def __contains__(self, pair: PairFiles) -> bool:
        return _key(pair) in self._done and (self.folder / f"{pair.name}.pfm").is_file()

    def seconds(self, pair: PairFiles) -> float:
        """Return the run time of a finished pair, a `KeyError` of another."""
        return float(self._done[_key(pair)]["seconds"])

    def add(self, pair: PairFiles, **measured: Any) -> None:
        """Add a pair whose files are written."""
        line = {"pair": _key(pair), **measured}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self._done[_key(pair)] = line

    def _read(self) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"resume=true: {self.path} cannot be read ({error})") from None
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue  # a killed run may leave half a line: that pair is done again
        return [line for line in lines if isinstance(line, dict)]


def _key(pair: PairFiles) -> tuple[str | int | None, ...]:
    """Return the identity of a pair, as JSON gives it back."""
    files = (pair.left, pair.right, pair.calibration)
    left, right, calibration = (None if path is None else str(path.absolute()) for path in files)
    return (pair.name, left, right, pair.frame, calibration)
