"""A pair that was uploaded: read, matched as `predict` does, and the files to show and to download."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any, NamedTuple

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
from dsmnet.types import Calibration, ConfidenceMap
from dsmnet.viz import color_disparity, disparity_bar, point_cloud, with_bar
from dsmnet.viz.glb import write_glb

MOST_PIXELS_SERVED = 12_000_000  # of a view; a minute on two cores
_MAX_POINTS = 200_000  # of the page, which goes through the browser's memory twice
_MAX_DEPTH = 200.0  # metres, as in conf/predict.yaml
_ASSUMED_BASELINE = 0.1  # metres
_METRIC, _ASSUMED = "Depth by", "No calibration: the cloud's scale is that of"


@dataclass(frozen=True)
class Upload:
    """Files and choices of a visitor, numbers as they were typed; None and empty where nothing was chosen."""

    left: str | None
    right: str | None
    network: str
    max_disparity: str = "auto"  # pixels
    min_confidence: float = 0.0
    focal: str = ""  # pixels
    baseline: str = ""  # metres
    calib: Sequence[str] = ()  # files that belong together


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
        self.device = device
        self._load = functools.cache(self._load_network)
        self._load(Path(first).name)

    def _load_network(self, name: str) -> TiledMatcher:
        path = self.networks[check_choice("network", name, self.networks)]
        return TiledMatcher(load_model(path, self.device, precision="auto"))

    def match(self, upload: Upload, folder: Path) -> MatchedUpload:
        """Match a pair; its files are written into `folder`.

        Raises:
            UserError: As the command line; the message names files as they were called where they came from.
        """
        files = [upload.left, upload.right, *upload.calib]
        heard: list[str] = []
        package, listener, thread = logging.getLogger("dsmnet"), logging.Handler(logging.WARNING), get_ident()
        listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
        listener.addFilter(lambda record: record.thread == thread)  # other visitors have their own
        package.addHandler(listener)
        try:
            found = self._match(upload, folder)
        except (MemoryError, RuntimeError) as error:
            raise UserError(memory_message(error)) from None
        except UserError as error:
            raise UserError(_without_folders(str(error), files)) from None
        finally:
            package.removeHandler(listener)
        return found._replace(warnings=[_without_folders(line, files) for line in heard])

    def _match(self, upload: Upload, folder: Path) -> MatchedUpload:
        pair = _load(upload)
        left = pair.result_left
        size = left.shape[:2]
        searched = resolve_max_disparity(_typed(upload.max_disparity or "auto"), pair.calibration, size[1])
        searched = min(searched, size[1])  # beyond, nothing is left to match, but time would be taken
        least = check_number("min_confidence", upload.min_confidence, least=0, most=1)
        prediction = Prediction(searched, True, least or None)
        matcher, name = self._load(upload.network), Path(str(upload.left)).stem
        matched = prediction.match(matcher, pair, name)
        assert matched.confidence is not None

        calibration = pair.calibration or Calibration(float(size[1]), _ASSUMED_BASELINE)
        depth = "png" if pair.calibration else None
        writer = CloudWriter(_MAX_DEPTH, depth=depth, html=True, max_points=_MAX_POINTS)
        result = matched.disparity, left, calibration
        ResultWriter(folder, cloud=writer).write(name, *result, matched.confidence, pair.rectification)
        page, cloud = folder / f"{name}_cloud.html", None
        if page.exists():
            cloud = page.read_text(encoding="utf-8")
            write_glb(folder / f"{name}.glb", *point_cloud(*result, _MAX_DEPTH, edge_filter=True))
        shown = folder / f"{name}_color.png", folder / f"{name}_confidence_color.png"
        write_image(shown[1], _color_confidence(matched.confidence))
        used = f"a focal length of {calibration.focal:.5g} px and a baseline of {calibration.baseline:.4g} m"
        summary = (
            f"{matched.seconds:.2f} s, {upload.network}, {matcher.device.type}: {size[1]} x {size[0]} px, "
            f"search range {searched} px. {_METRIC if pair.calibration else _ASSUMED} {used}."
        )
        if least:
            kept = np.isfinite(matched.disparity).mean()
            summary += f" {kept:.0%} of the pixels have a confidence of {least:g} or more."
        downloads = [folder / f"{name}.{suffix}" for suffix in ("pfm", "png", "ply", "glb")]
        downloads += [
            folder / f"{name}_{suffix}.png" for suffix in ("depth", "confidence", "color", "rectified")
        ]
        return MatchedUpload(summary, [], *shown, cloud, [path for path in downloads if path.exists()])


def write_example(number: int, folder: Path) -> tuple[Path, Path]:
    """Write the views of a scene of the generator; any whole number of at least 0 is one."""
    layouts = {"indoor": 2.0, "street": 1.0, "still": 1.0}
    scene = SyntheticStereo(5, number + 1, (400, 640), 80, min_near=30, layouts=layouts)[number]
    paths = folder / f"scene{number}_left.png", folder / f"scene{number}_right.png"
    write_image(paths[0], scene["left"])
    write_image(paths[1], scene["right"])
    return paths


def _load(upload: Upload) -> LoadedPair:
    for option in ("left", "right"):
        if getattr(upload, option) is None:
            raise UserError(f"{option}: has to be given; expected an image (PNG, JPEG, WebP, PPM or PGM)")
    typed, files = _typed_calibration(upload), [Path(file) for file in upload.calib]
    pair = PairFiles("pair", Path(str(upload.left)), Path(str(upload.right)), files[0] if files else None)
    source = ImagePairs([pair])
    source.calibration_parts = files[1:]
    loaded = load_pair(source, pair, RawViews())
    height, width = loaded.left.shape[:2]
    if height * width > MOST_PIXELS_SERVED:
        raise UserError(
            f"{pair.left}: {width} x {height} px; expected at most {MOST_PIXELS_SERVED:,} pixels on this "
            "page, dsmnet predict takes more"
        )
    return loaded._replace(calibration=loaded.calibration or typed)


def _typed_calibration(upload: Upload) -> Calibration | None:
    """Return what the numbers say, None where none is given; there may be no file then."""
    numbers = {
        name: check_number(name, _typed(value), above=0, unit=unit)
        for name, value, unit in (("focal", upload.focal, "pixels"), ("baseline", upload.baseline, "metres"))
        if value
    }
    if upload.calib and numbers:
        raise UserError(f"calib and {' and '.join(numbers)}: expected the file or the numbers, not both")
    if len(numbers) == 1:
        raise UserError(f"{next(iter(numbers))} alone: depth needs both the focal length and the baseline")
    return Calibration(numbers["focal"], numbers["baseline"]) if numbers else None


def _typed(text: str) -> Any:
    """Return the number that a text is, or else the text."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _color_confidence(confidence: ConfidenceMap) -> np.ndarray:
    limits, colors = (0.0, 1.0), "viridis"
    picture = color_disparity(confidence, limits, np.isfinite(confidence), colors)
    return with_bar(picture, disparity_bar(picture.shape[1], limits, colors, "confidence"))


def _without_folders(text: str, files: Sequence[str | None]) -> str:
    """Name uploaded files without the folders that the server keeps them in."""
    return functools.reduce(
        lambda text, file: text.replace(f"{os.path.dirname(file)}{os.sep}", ""), filter(None, files), text
    )
