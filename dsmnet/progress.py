"""Progress bar of the tools: number of items done, rate, and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

from dsmnet.errors import printable

Item = TypeVar("Item")
_shown: list[Progress] = []  # the display of the outermost loop, while it runs


class RateColumn(ProgressColumn):
    """Items per second, or seconds per item where that is the larger number."""

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        unit = task.fields["unit"]
        rate = task.finished_speed or task.speed
        if not rate:
            return Text(f"- {unit}s/s", style="cyan")
        text = f"{rate:.1f} {unit}s/s" if rate >= 1 else f"{1 / rate:.1f} s/{unit}"
        return Text(text, style="cyan")


def new_display() -> Progress:
    """Return the bars of all tools, on the error stream; tasks have a field ``unit``, the name of an item."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def track(
    items: Iterable[Item], description: str | Callable[[], str], *, unit: str = "pair", enabled: bool = True
) -> Iterable[Item]:
    """Iterate over `items` with a progress bar on the error stream; inside another one, below it meanwhile.

    Args:
        items: Items; with a length, the bar shows how many are left.
        description: Text before the bar, or a function that returns it anew for each item.
        unit: Name of an item.
        enabled: Whether there is a bar (``progress=``).
    """
    if not enabled:
        yield from items
        return
    text, told = (description, None) if isinstance(description, str) else (description(), description)
    text = printable(text)
    if _shown:  # two displays at once would overwrite each other
        inner = _shown[-1].add_task(text, unit=unit)
        yield from _shown[-1].track(items, task_id=inner)
        _shown[-1].remove_task(inner)
        return
    with new_display() as progress:
        _shown.append(progress)
        try:
            outer = progress.add_task(text, unit=unit, total=None)
            for item in progress.track(items, task_id=outer):
                if told is not None:
                    progress.update(outer, description=printable(told()))
                yield item
        finally:
            _shown.remove(progress)
