"""A fast path beside its reference, timed in turn: the ratio holds when the machine's speed drifts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.machine import Machine, timed_run
from benchmarks.memory import Setup, growth
from dsmnet.options import check_whole


@dataclass(frozen=True)
class Case:
    """Two ways to the same result.

    Args:
        name: Name with the size.
        fast: Setup of the fast way.
        slow: Setup of the reference.
        against: Name of the reference.
        target: Ratio of the times that was promised; None where nothing was.
        memory_target: Share of the reference's peak memory that was promised.
        memory: Whether to measure the peaks, each in a process of its own.
        operations: Floating-point operations of one run, for the achieved rate.
        bytes: Bytes that must move in one run at least, for the achieved bandwidth.
        network: Matcher, where the case is a whole prediction; of the two ways its peak alone is measured.
    """

    name: str
    fast: Setup
    slow: Setup
    against: str
    target: float | None = None
    memory_target: float | None = None
    memory: bool = False
    operations: float | None = None
    bytes: float | None = None
    network: Network | None = None


@dataclass(frozen=True)
class Network:
    """What makes a whole prediction.

    Args:
        name: Name of the network or matcher.
        backend: Runtime and precision.
        pair: Size of the pair and search range.
        parameters: Number of parameters; None where there are none.
        multiply_adds: Multiply-adds of the convolutions and matrix products of one prediction, likewise.
        memory_bound: MiB that were promised.
    """

    name: str
    backend: str
    pair: str
    parameters: int | None = None
    multiply_adds: float | None = None
    memory_bound: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Medians in seconds and MiB; ratios are pair by pair, with their quartiles."""

    name: str
    against: str
    seconds: float
    reference_seconds: float
    ratio: float
    ratio_quartiles: tuple[float, float]
    target: float | None
    memory: float | None
    reference_memory: float | None
    memory_target: float | None
    gflops: float | None  # achieved by the fast path
    gbytes: float | None
    machine: Machine | None = None  # what there is to achieve
    network: Network | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of benchmark.json."""
        return asdict(self)


def compare(case: Case, repeats: int = 5, on_gpu: bool = False, machine: Machine | None = None) -> Comparison:
    """Run both ways in turn, `repeats` times after one run of each that is not timed.

    Args:
        case: The two ways.
        repeats: Timed runs of each.
        on_gpu: Whether to wait for the device after each run, and measure its memory.
        machine: Best rates of the machine.

    Raises:
        UserError: `repeats` is not positive, or a process died.
    """
    check_whole("repeats", repeats)
    fast, slow = case.fast(), case.slow()
    for run in (fast, slow):
        timed_run(run, on_gpu)
    times = [(timed_run(fast, on_gpu), timed_run(slow, on_gpu)) for _ in range(repeats)]
    ratios = sorted(b / a for a, b in times)
    seconds = statistics.median(a for a, _ in times)
    measured = () if not case.memory else (case.fast,) if case.network else (case.fast, case.slow)
    memory = [growth(setup, on_gpu, case.name) for setup in measured]
    return Comparison(
        case.name,
        case.against,
        seconds,
        statistics.median(b for _, b in times),
        statistics.median(ratios),
        _quartiles(ratios),
        case.target,
        memory[0] if memory else None,
        memory[1] if len(memory) > 1 else None,
        case.memory_target,
        case.operations / seconds / 1e9 if case.operations else None,
        case.bytes / seconds / 1e9 if case.bytes else None,
        machine,
        case.network,
    )


def markdown(part: str, comparisons: Iterable[Comparison]) -> str:
    """Return a table of one part: ratios with quartiles, memory, achieved rates; a missed target says so.

    Beside an achieved rate stands its share of what the machine does at best.
    """
    comparisons = list(comparisons)
    if any(c.network for c in comparisons):
        return _networks(part, comparisons)
    lines = [
        f"## {part}",
        "",
        "| what | against | ms | reference ms | faster | target | MiB | reference MiB | GFLOP/s | GB/s |",
        "| :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for c in comparisons:
        low, high = c.ratio_quartiles
        target = "" if c.target is None else f"{c.target:g}x" + ("" if c.ratio >= c.target else " missed")
        cells = [
            c.name,
            c.against,
            f"{c.seconds * 1e3:.1f}",
            f"{c.reference_seconds * 1e3:.1f}",
            f"{c.ratio:.2f}x ({low:.2f}-{high:.2f})",
            target,
            _memory(c),
            "" if c.reference_memory is None else f"{c.reference_memory:.0f}",
            _rate(c.gflops, c.machine.gflops if c.machine else None),
            _rate(c.gbytes, c.machine.gbytes if c.machine else None),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    machine = next((c.machine for c in comparisons if c.machine and (c.gflops or c.gbytes)), None)
    if machine:
        lines += ["", f"The machine at best, in the same run: {machine}."]
    return "\n".join([*lines, ""])


def _networks(part: str, comparisons: list[Comparison]) -> str:
    """Return the table of whole predictions: what each takes of the reference's time, memory, size, work."""
    lines = [
        f"## {part}",
        "",
        "| network | back end | pair, range | ms | against | times its time | MiB | M parameters | GMACs |",
        "| :-- | :-- | :-- | --: | :-- | --: | --: | --: | --: |",
    ]
    for c in comparisons:
        network = c.network
        assert network is not None
        low, high = (1 / ratio for ratio in reversed(c.ratio_quartiles))
        share = f"{1 / c.ratio:.2f} ({low:.2f}-{high:.2f})" + _promised(
            1 / c.ratio, c.target and 1 / c.target
        )
        memory = "" if c.memory is None else f"{c.memory:.0f}" + _promised(c.memory, network.memory_bound)
        cells = [
            network.name,
            network.backend,
            network.pair,
            f"{c.seconds * 1e3:.1f}",
            c.against,
            share,
            memory,
            "" if network.parameters is None else f"{network.parameters / 1e6:.2f}",
            "" if network.multiply_adds is None else f"{network.multiply_adds / 1e9:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _promised(value: float, bound: float | None) -> str:
    if bound is None:
        return ""
    return f", target {bound:.3g}" + ("" if value <= bound else " missed")


def _rate(achieved: float | None, best: float | None) -> str:
    if achieved is None:
        return ""
    return f"{achieved:.1f}" + (f" ({achieved / best:.0%})" if best else "")


def _memory(c: Comparison) -> str:
    if c.memory is None:
        return ""
    text = f"{c.memory:.0f}"
    if c.memory_target is not None and c.reference_memory:
        share = c.memory / c.reference_memory
        text += f" ({share:.2f}, target {c.memory_target:g}{'' if share <= c.memory_target else ' missed'})"
    return text


def _quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
