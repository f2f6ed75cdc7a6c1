"""The part of the GPU, on small sizes of the CPU: every way of every case runs."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu import cases
from dsmnet import build_model


def test_every_case_runs_both_ways() -> None:
    loaded: list[tuple[str, bool]] = []

    def load(checkpoint: None, device: str, backend: str, precision: str, cuda_graphs: bool) -> Any:
        loaded.append((precision, cuda_graphs))
        return build_model("tiny").eval()

    filters = [("sgf", [1, 2, 5, 6], False), ("sga", [1, 1, 3, 5, 6], True)]
    found = cases(load, None, [64, 96], 32, filters, [([1, 8, 3, 5, 6], True)], 4, "cpu")
    assert len({case.name for case in found}) == len(found) == 9
    for case in found:
        case.fast()(), case.slow()()
    graph, eager = (("float32", True), ("bfloat16", True)), (("float32", False), ("bfloat16", False))
    assert loaded == 2 * [graph[0], eager[0], graph[1], eager[1], graph[1], graph[0]]
