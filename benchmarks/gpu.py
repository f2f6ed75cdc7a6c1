"""Predictions on a GPU with and without CUDA graphs and in both precisions; its kernels beside references."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch

from benchmarks.compare import Case
from benchmarks.correlation import correlate_once
from benchmarks.graph_filters import filter_once
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.ops.backend import choose_backend

Load = Callable[..., StereoPredictor]


def cases(
    load: Load,
    checkpoint: str | None,
    size: Sequence[int],
    max_disparity: int,
    filters: Sequence[tuple[str, Sequence[int], bool]],
    correlations: Sequence[tuple[Sequence[int], bool]],
    groups: int,
    device: str,
) -> list[Case]:
    """Return the cases: predictions, networks alone, then operators of [name, size, backward]."""
    what = f"{size[0]}x{size[1]}, {max_disparity} px"
    network = functools.partial(load, checkpoint, device=device, backend="torch")
    found = []
    for name, way in (("prediction", predict_once), ("network alone", match_once)):
        setup = functools.partial(way, network, (size[0], size[1]), max_disparity)
        exact, half, plain, plain_half = (
            functools.partial(setup, precision=precision, cuda_graphs=graphs)
            for graphs in (True, False)
            for precision in ("float32", "bfloat16")
        )
        found += [
            Case(f"{name}, {what}, float32", exact, plain, "without graph", memory=True),
            Case(f"{name}, {what}, bfloat16", half, plain_half, "without graph", memory=True),
            Case(f"{name}, {what}, bfloat16 graph", half, exact, "float32 graph"),
        ]
    chosen = choose_backend("auto", torch.device(device))
    for name, shape, backward in filters:
        run = functools.partial(filter_once, name, tuple(shape), backward=backward, device=device)
        found.append(_operator(f"{name} {chosen}", run, chosen, shape, backward, "autograd"))
    for shape, backward in correlations:
        run = functools.partial(
            correlate_once, tuple(shape), groups, cosine=True, backward=backward, device=device
        )
        found.append(_operator("correlation", run, "auto", shape, backward, "plane by plane"))
    return found


def _operator(
    name: str,
    setup: Callable[..., Callable[[], object]],
    backend: str,
    shape: Sequence[int],
    backward: bool,
    against: str,
) -> Case:
    return Case(
        f"{name}, {'x'.join(map(str, shape))}, forward" + " and backward" * backward,
        functools.partial(setup, backend=backend),
        functools.partial(setup, backend="reference"),
        against,
        memory=True,
    )


def predict_once(
    load: Load, size: tuple[int, int], max_disparity: int, *, precision: str, cuda_graphs: bool
) -> Callable[[], object]:
    """Prepare a predictor and two views of bytes; return what predicts, from image to array."""
    predictor = load(precision=precision, cuda_graphs=cuda_graphs)
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randint(0, 256, (2, *size, 3), generator=generator, dtype=torch.uint8).numpy()
    return _recorded(lambda: predictor.predict(left, right, max_disparity))


def match_once(
    load: Load, size: tuple[int, int], max_disparity: int, *, precision: str, cuda_graphs: bool
) -> Callable[[], object]:
    """Prepare a predictor and two views on its device; return what runs the network on them."""
    predictor = load(precision=precision, cuda_graphs=cuda_graphs)
    pair, _ = predictor.prepare(*torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    return _recorded(functools.partial(predictor.match_prepared, predictor.net, pair, max_disparity))


def _recorded(run: Callable[[], object]) -> Callable[[], object]:
    for _ in range(2):  # as it is, then into a graph
        run()
    return run
