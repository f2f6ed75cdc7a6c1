"""What has been predicted so far, kept beside the files, so that an interrupted run can go on."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsmnet.atomic import atomic_write

log = logging.getLogger(__name__)


class Record:
    """The finished answers of a folder: their run times and search ranges.

    They are taken over only from a run with the same weights and options; else all are predicted again.

    Args:
        path: JSON file, written after each answer.
        made_by: what the answers depend on: weights, options, device.
    """

    def __init__(self, path: Path, made_by: Mapping[str, Any]) -> None:
        self.path = path
        self._content: dict[str, Any] = {"made_by": json.loads(json.dumps(made_by)), "answers": {}}
        earlier = self._read()
        if earlier and earlier.get("made_by") == self._content["made_by"]:
            self._content["answers"] = dict(earlier["answers"])
        elif earlier:
            log.warning(
                "%s: made with other weights or options; its answers are predicted again and replaced",
                path.parent,
            )

    def __contains__(self, name: str) -> bool:
        return name in self._content["answers"]

    @property
    def answers(self) -> dict[str, dict[str, float]]:
        """``seconds`` and ``resolve_max_disparity`` by the map's name."""
        return dict(self._content["answers"])

    def add(self, name: str, seconds: float, max_disparity: int) -> None:
        """Write down an answer whose files are there."""
        self._content["answers"][name] = {"seconds": seconds, "max_disparity": max_disparity}
        with atomic_write(self.path) as part:
            part.write_text(json.dumps(self._content, indent=2) + "\n", encoding="utf-8")

    def _read(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) and isinstance(content.get("answers"), dict) else None


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, which tells weights apart."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
