"""A whole prediction by each back end, beside OpenCV's StereoSGBM on the same pair."""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Callable, Sequence

import cv2
import torch

from benchmarks.compare import Case
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import Matcher

log = logging.getLogger(__name__)

Load = Callable[..., Matcher]


def cases(
    load: Load,
    checkpoint: str | None,
    backends: Sequence[str],
    size: Sequence[int],
    max_disparity: int,
    mode: str,
    target: float,
    device: str,
) -> list[Case]:
    """Return a case per back end that is installed; ``torch_bfloat16`` is torch with that precision."""
    found = []
    for backend in backends:
        if importlib.util.find_spec(backend.removesuffix("_bf16").removesuffix("_bfloat16")) is None:
            log.info("backends: %s is not installed and left out; pip install 'dsmnet[export]'", backend)
            continue
        options = {"device": "cpu", "backend": backend}
        if backend.startswith("torch"):
            precision = "bfloat16" if backend == "torch_bfloat16" else "float32"
            options = {"device": device, "backend": "torch", "precision": precision}
        network = functools.partial(load, checkpoint, **options)
        setup = functools.partial(prediction, size=(size[0], size[1]), max_disparity=max_disparity)
        found.append(
            Case(
                f"{backend}, {size[0]}x{size[1]}, {max_disparity} px, {torch.get_num_threads()} threads",
                functools.partial(setup, network),
                functools.partial(setup, functools.partial(SGBM, mode=mode)),
                against=f"StereoSGBM {mode}",
                target=target,
            )
        )
    return found


def prediction(
    make: Callable[[], Matcher], *, size: tuple[int, int], max_disparity: int
) -> Callable[[], object]:
    """Prepare a matcher and a procedural pair; return what matches it."""
    cv2.setNumThreads(torch.get_num_threads())
    matcher, pair = make(), SyntheticStereo(size=size, largest_disparity=min(96, size[1] // 2))[0]
    return lambda: matcher.predict(pair["left"], pair["right"], max_disparity)
