"""Size, work, time and memory of the networks of docs/networks.yaml: python -m benchmarks.zoo [MODEL ...].

Each is timed in a process of its own on a pair of 384x1248 with 192 disparities, in float32 and, where the
processor has instructions for it, in bfloat16, in the published form that the file states. Without names all
are measured; docs/runs/networks.json keeps it.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]

from benchmarks.network import describe, measure
from benchmarks.work import multiply_adds
from dsmnet.api import build_model
from dsmnet.atomic import write_text
from dsmnet.errors import UserError
from dsmnet.inference.precision import is_emulated
from dsmnet.inference.predictor import StereoPredictor

DOCS = Path(__file__).resolve().parents[1] / "docs"
FACTS, RECORD = DOCS / "networks.yaml", DOCS / "runs" / "networks.json"
SIZE, MAX_DISPARITY = (384, 1248), 192
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def build(name: str, options: str, precision: str = "float32") -> StereoPredictor:
    """Build a network in its published form, with fresh weights."""
    net = build_model(name, overrides=options.split()).eval()
    net.dtype = PRECISIONS[precision]
    return net


def work(net: StereoPredictor) -> float | None:
    """Return multiply-adds of a prediction; of a network that refines in steps, extended from one and two."""
    views = torch.rand(2, 3, *SIZE)

    def of(iterations: int | None) -> float:
        if iterations is not None:
            net.net.iterations = iterations  # type: ignore[assignment]
        return multiply_adds(lambda: net.predict(views[0], views[1], MAX_DISPARITY)) or 0.0

    steps: Any = getattr(net.net, "iterations", None)
    if steps is None:
        return of(None)
    first, second = of(1), of(2)
    return first + (steps - 1) * (second - first)


def row(name: str, options: str, repeats: int = 1) -> dict[str, Any]:
    """Measure one network."""
    net = build(name, options)
    found: dict[str, Any] = {"multiply_adds": work(net)}
    found["parameters"] = sum(p.numel() for p in net.parameters())
    for precision, dtype in PRECISIONS.items():
        if dtype == torch.bfloat16 and is_emulated(dtype):
            continue
        done = measure(
            functools.partial(build, name, options, precision),
            SIZE,
            backend="auto",
            max_disparity=MAX_DISPARITY,
            repeats=repeats,
        )
        found[precision] = {"seconds": done.seconds, "memory": done.memory}
    return found


def main(names: list[str]) -> None:
    """Measure networks and add them to the record."""
    facts = yaml.safe_load(FACTS.read_text("utf-8"))
    if unknown := set(names) - set(facts):
        raise UserError(f"{', '.join(sorted(unknown))}: not in {FACTS.name}; there are {', '.join(facts)}")
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}
    for name in names or facts:
        record[name] = row(name, facts[name]["options"]) | describe(torch.device("cpu"), None)
        sys.stdout.write(f"{name}: {record[name]}\n")
        write_text(RECORD, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
