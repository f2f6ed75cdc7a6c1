"""Whole predictions beside StereoSGBM on the same pair: our networks by each back end, and others."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import torch

from benchmarks.compare import Case, Network
from benchmarks.light_baselines import LightBaseline
from benchmarks.work import multiply_adds, parameters
from dsmnet.api import build_model
from dsmnet.config import config_dir
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.models.checkpoint import packaged_names, save_weights
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import Matcher

log = logging.getLogger(__name__)

Load = Callable[..., Matcher]
Make = Callable[[], Matcher]
_WARMING_UP = (64, 256)  # pixels of the pair by which back ends compile and modules load


def cases(
    load: Load,
    networks: Sequence[str],
    backends: Sequence[str],
    modes: Sequence[str],
    baselines: Mapping[str, str | None],
    size: Sequence[int],
    large: Sequence[int],
    max_disparity: int,
    mode: str,
    targets: Mapping[str, float],
    large_target: float,
    memory_bound: float,
    device: str,
) -> list[Case]:
    """Return whole predictions against StereoSGBM of `mode`, and of the large pair against the small one.

    Args:
        load: `dsmnet.load_model`.
        networks: Checkpoints, names of weights that come with the package, or of files in conf/model, with
            fresh weights; the first one is timed on the large pair as well.
        backends: Back ends of ours; ``torch_bfloat16`` is torch with that precision. What is not installed
            is left out.
        modes: Modes of StereoSGBM.
        baselines: Folders with clones of light networks by their names, see `benchmarks.light_baselines`.
        size: Height and width of the pair.
        large: Height and width of the large pair.
        max_disparity: Search range in pixels.
        mode: Mode of StereoSGBM that the rest is held against.
        targets: Ratio of the times that was promised, by back end.
        large_target: The same, of the large pair.
        memory_bound: MiB that were promised of our networks in torch.
        device: Device of torch.

    Raises:
        UserError: A folder is not such a clone.
    """
    run = functools.partial(prediction, size=(size[0], size[1]), max_disparity=max_disparity)
    reference = functools.partial(run, functools.partial(SGBM, mode=mode))
    pair = _pair(size, max_disparity)
    threads = f"{torch.get_num_threads()} threads"

    def case(name: str, backend: str, make: Make, work: tuple[int | None, float | None], key: str) -> Case:
        bound = memory_bound if key.startswith("torch") else None
        return Case(
            f"{name}, {backend}, {pair}, {threads}",
            functools.partial(run, make),
            reference,
            against=f"StereoSGBM {mode}",
            target=targets.get(key),
            memory=True,
            network=Network(name, backend, pair, *work, memory_bound=bound),
        )

    found = [
        case("StereoSGBM", each, functools.partial(SGBM, mode=each), (None, None), "opencv") for each in modes
    ]
    usable = list(_installed(backends))
    for network in networks:
        name, checkpoint = Path(network).stem, _weights(network)
        work = _work(functools.partial(load, checkpoint, device=device, backend="torch"), run)
        for backend in usable:
            make = functools.partial(load, checkpoint, **_options(backend, device))
            found.append(case(name, _label(backend), make, work, backend))
            if backend.startswith("torch") and network == networks[0]:
                wide = _pair(large, max_disparity)
                bigger = functools.partial(prediction, size=(large[0], large[1]), max_disparity=max_disparity)
                found.append(
                    Case(
                        f"{name}, {_label(backend)}, {wide}, {threads}",
                        functools.partial(bigger, make),
                        functools.partial(run, make),
                        against=pair,
                        target=large_target,
                        memory=True,
                        network=Network(name, _label(backend), wide, work[0]),
                    )
                )
    for name, folder in baselines.items():
        if folder is not None:
            theirs = functools.partial(LightBaseline, name, folder, max_disparity, device)
            found.append(case(name, "torch float32", theirs, _work(theirs, run), "theirs"))
    return found


def prediction(make: Make, *, size: tuple[int, int], max_disparity: int) -> Callable[[], object]:
    """Prepare a matcher and a procedural pair; return what matches it."""
    cv2.setNumThreads(torch.get_num_threads())
    matcher, pair = make(), SyntheticStereo(size=size, largest_disparity=min(96, size[1] // 2))[0]
    rows, columns = _WARMING_UP
    matcher.predict(pair["left"][:rows, :columns], pair["right"][:rows, :columns], max_disparity)
    return lambda: matcher.predict(pair["left"], pair["right"], max_disparity)


def _weights(network: str) -> str:
    """Return what to load a network from; weights of one that has none are made, and go with the process."""
    if network in packaged_names() or not (config_dir() / "model" / f"{network}.yaml").is_file():
        return network
    fresh = build_model(network)
    folder = tempfile.mkdtemp(prefix="dsmnet-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder) / f"{network}.safetensors"
    save_weights(file, fresh.net, fresh.config)
    return str(file)


def _work(make: Make, run: Callable[[Make], Callable[[], object]]) -> tuple[int | None, float | None]:
    """Parameters and multiply-adds of a network in float32."""
    matcher = make()
    return parameters(matcher), multiply_adds(run(lambda: matcher))


def _installed(backends: Sequence[str]) -> Iterator[str]:
    for backend in backends:
        if importlib.util.find_spec(backend.removesuffix("_bf16").removesuffix("_bfloat16")) is not None:
            yield backend
        else:
            log.info("backends: %s is not installed and left out; pip install 'dsmnet[export]'", backend)


def _options(backend: str, device: str) -> dict[str, str]:
    if not backend.startswith("torch"):
        return {"device": "cpu", "backend": backend}
    precision = "bfloat16" if backend == "torch_bfloat16" else "float32"
    return {"device": device, "backend": "torch", "precision": precision}


def _label(backend: str) -> str:
    half = backend.endswith(("_bf16", "_bfloat16"))
    return f"{backend.split('_')[0]} {'bfloat16' if half else 'float32'}"


def _pair(size: Sequence[int], max_disparity: int) -> str:
    return f"{size[0]}x{size[1]}, {max_disparity} px"
