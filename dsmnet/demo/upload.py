"""A pair that was uploaded: read, matched as `predict` does, and the files to show and to download."""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import NamedTuple

import numpy as np

from dsmnet.api import DEFAULT_WEIGHTS, load_model
from dsmnet.errors import UserError
from dsmnet.inference.batch import Prediction, load_pair, memory_message
from dsmnet.inference.cloud_writer import CloudWriter
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.raw_views import LoadedPair, RawViews
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.inference.sources import ImagePairs
from dsmnet.inference.tiled import TiledMatcher
from dsmnet.io import write_image
from dsmnet.io.pairs import PairFiles
from dsmnet.models.checkpoint import PACKAGED
from dsmnet.options import check_choice, check_number
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import Calibration
from dsmnet.viz import color_disparity, disparity_bar, point_cloud, with_bar
from dsmnet.viz.glb import write_glb

MOST_PIXELS_SERVED = 12_000_000  # of a view; a minute on two cores
_MAX_POINTS = 200_000  # of the page, which goes through the browser's memory twice
_MAX_DEPTH = 200.0  # metres, as in conf/predict.yaml
_ASSUMED_BASELINE = 0.1  # metres
_NO_SCALE = "No calibration: the cloud's scale is that of"
_COLORS = "viridis"  # of the confidence


class MatchedUpload(NamedTuple):
    """What the page shows of a pair."""

    summary: str
    warnings: list[str]
    disparity: Path  # picture with its legend
    confidence: Path  # likewise
    cloud: str | None  # page to turn it in; None without one point
    downloads: list[Path]


class DemoMatcher:
    """The networks that can be chosen, by name; the first one is loaded at once.

    Args:
        checkpoint: Network that comes first, as in `load_model`.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    def __init__(self, checkpoint: str | None = None, device: str = "auto") -> None:
        first = DEFAULT_WEIGHTS.stem if checkpoint is None else str(checkpoint)
        packaged = {path.stem: path.stem for path in sorted(PACKAGED.glob("*.safetensors"))}
        self.networks = {Path(first).name: first, **packaged}
        self._load = functools.cache(
            lambda name: TiledMatcher(load_model(self.networks[name], device, precision="auto"))
        )
        self._load(Path(first).name)

    def match(
        self,
        folder: Path,
        left: str | None,
        right: str | None,
        network: str,
        max_disparity: str = "auto",
        min_confidence: float = 0.0,
        calib: Sequence[str] | None = None,
    ) -> MatchedUpload:
        """Match a pair; its files are written into `folder`.

        Args:
            folder: Folder of the results.
            left: File of the left view.
            right: File of the right view.
            network: Name of a network.
            max_disparity: Search range as it was typed, pixels.
            min_confidence: Pixels below are unknown.
            calib: Files that make one calibration.

        Raises:
            UserError: As the command line; the message names files as they were called where they came from.
        """
        with _told_to_visitor([left, right, *(calib or ())]) as heard:
            matcher = self._load(check_choice("network", network, self.networks))
            pair, name = _load_upload(left, right, calib or ()), Path(str(left)).stem
            view, calibration = pair.result_left, pair.calibration
            height, width = view.shape[:2]
            whole = re.fullmatch(r"\s*[+-]?\d{1,9}\s*", max_disparity)
            typed = int(max_disparity) if whole else max_disparity or "auto"
            # Beyond the width nothing is left to match, but time would be taken.
            searched = min(resolve_max_disparity(typed, calibration, width), width)
            check_number("min_confidence", min_confidence, least=0, most=1)
            matched = Prediction(searched, True, min_confidence or None).match(matcher, pair, name)
            assert matched.confidence is not None
            assumed = calibration or Calibration(float(width), _ASSUMED_BASELINE)
            depth = "png" if calibration else None
            writer = CloudWriter(_MAX_DEPTH, depth=depth, html=True, max_points=_MAX_POINTS)
            ResultWriter(folder, cloud=writer).write(name, pair._replace(calibration=assumed), matched)
            page, cloud = folder / f"{name}_cloud.html", None
            if page.exists():
                cloud = page.read_text(encoding="utf-8")
                points = point_cloud(matched.disparity, view, assumed, _MAX_DEPTH, edge_filter=True)
                write_glb(folder / f"{name}.glb", *points)
            shown = folder / f"{name}_color.png", folder / f"{name}_confidence_color.png"
            known, limits = np.isfinite(matched.confidence), (0.0, 1.0)
            picture = color_disparity(matched.confidence, limits, known, _COLORS)
            legend = disparity_bar(picture.shape[1], limits, _COLORS, "confidence")
            write_image(shown[1], with_bar(picture, legend))
            summary = (
                f"{matched.seconds:.2f} s, {network}, {matcher.device.type}: {width} x {height} px, search "
                f"range {searched} px. {'Depth by' if calibration else _NO_SCALE} a focal length of "
                f"{assumed.focal:.5g} px and a baseline of {assumed.baseline:.4g} m."
            )
            if min_confidence:
                kept = np.isfinite(matched.disparity).mean()
                summary += f" {kept:.0%} of the pixels have a confidence of {min_confidence:g} or more."
            downloads = [folder / f"{name}.{suffix}" for suffix in ("pfm", "png", "ply", "glb")]
            downloads += [
                folder / f"{name}_{suffix}.png" for suffix in ("depth", "confidence", "color", "rectified")
            ]
            return MatchedUpload(summary, heard, *shown, cloud, [path for path in downloads if path.exists()])


@contextmanager
def _told_to_visitor(files: Sequence[str | None]) -> Iterator[list[str]]:
    """Yield what is warned of meanwhile; it and errors name files without the server's folders of them."""

    def plain(text: str) -> str:
        for file in filter(None, files):
            text = text.replace(f"{os.path.dirname(file)}{os.sep}", "")
        return text

    heard: list[str] = []
    package, listener, thread = logging.getLogger("dsmnet"), logging.Handler(logging.WARNING), get_ident()
    listener.emit = lambda record: heard.append(plain(record.getMessage()))  # type: ignore[method-assign]
    listener.addFilter(lambda record: record.thread == thread)  # other visitors have their own
    package.addHandler(listener)
    try:
        yield heard
    except (MemoryError, RuntimeError) as error:
        raise UserError(memory_message(error)) from None
    except UserError as error:
        raise UserError(plain(str(error))) from None
    finally:
        package.removeHandler(listener)


def write_example(number: int, folder: Path) -> tuple[Path, Path]:
    """Write the views of a scene of the generator; any whole number of at least 0 is one."""
    layouts = {"indoor": 2.0, "street": 1.0, "still": 1.0}
    scene = SyntheticStereo(5, number + 1, (400, 640), 80, min_near=30, layouts=layouts)[number]
    paths = folder / f"scene{number}_left.png", folder / f"scene{number}_right.png"
    write_image(paths[0], scene["left"])
    write_image(paths[1], scene["right"])
    return paths


def _load_upload(left: str | None, right: str | None, calib: Sequence[str]) -> LoadedPair:
    for option, file in (("left", left), ("right", right)):
        if file is None:
            raise UserError(f"{option}: has to be given; expected an image (PNG, JPEG, WebP, PPM or PGM)")
    files = [Path(file) for file in calib]
    pair = PairFiles("pair", Path(str(left)), Path(str(right)), files[0] if files else None)
    source = ImagePairs([pair])
    source.calibration_parts = files[1:]
    loaded = load_pair(source, pair, RawViews())
    height, width = loaded.left.shape[:2]
    if height * width > MOST_PIXELS_SERVED:
        raise UserError(
            f"{pair.left}: {width} x {height} px; expected at most {MOST_PIXELS_SERVED:,} pixels on this "
            "page, dsmnet predict takes more"
        )
    return loaded
