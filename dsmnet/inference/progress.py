"""The progress bar that the tools share: how many are done, at which rate, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Item = TypeVar("Item")


class RateColumn(ProgressColumn):
    """Items per second, or seconds per item where that is the larger number."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        rate = task.finished_speed or task.speed
        if not rate:
            return Text(f"- {self.unit}s/s", style="cyan")
        text = f"{rate:.1f} {self.unit}s/s" if rate >= 1 else f"{1 / rate:.1f} s/{self.unit}"
        return Text(text, style="cyan")


def track(
    items: Iterable[Item], description: str, *, unit: str = "pair", enabled: bool = True
) -> Iterable[Item]:
    """Iterate over `items` with a progress bar on the error stream.

    Args:
        items: what is worked on; with a length, the bar shows how much is left.
        description: shown before the bar.
        unit: what one item is called.
        enabled: no bar without it (``progress=false``).
    """
    if not enabled:
        yield from items
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, description=description)
