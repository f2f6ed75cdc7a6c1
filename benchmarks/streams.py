"""Pairs from files to files: read ahead and written behind, beside one after the other."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.compare import Case
from dsmnet.config import compose, instantiate
from dsmnet.inference.batch import Prediction, predict_files
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.io import write_image
from dsmnet.io.pairs import pair_files
from dsmnet.synthetic import SyntheticStereo


def cases(
    networks: Sequence[str], sizes: Sequence[Sequence[int]], pairs: int, ahead: int, device: str
) -> list[Case]:
    """Return a case per network and size."""
    found = []
    for network in networks:
        for h, w in sizes:
            setup = functools.partial(match_folder, network, h, w, pairs, device)
            name, against = f"{network}, {pairs} pairs of {h}x{w}", "read, match, write, one after the other"
            found.append(Case(name, functools.partial(setup, ahead), functools.partial(setup, 0), against))
    return found


def match_folder(
    network: str, height: int, width: int, count: int, device: str, ahead: int
) -> Callable[[], None]:
    """Write the pairs; return what matches the folder once."""
    place = tempfile.TemporaryDirectory(prefix="dsmnet_streams_")
    root = Path(place.name)
    data = SyntheticStereo(size=(height, width), largest_disparity=width / 8)
    for index in range(count):
        for side in ("left", "right"):
            write_image(root / side / f"{index:03d}.png", data[index][side])
    pairs = pair_files(str(root / "left"), str(root / "right"))
    net = StereoPredictor(instantiate(compose("build", [f"model={network}"]).model), {}).to(device).eval()

    def run() -> None:
        writer = ResultWriter(Path(place.name) / "out")
        predict_files(net, pairs, writer, Prediction(max_disparity=96), ahead=ahead).check()

    return run
