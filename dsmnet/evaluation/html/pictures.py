"""Small pictures of every image: drawn while it is scored, chosen when all scores are known."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cv2

from dsmnet.evaluation.evaluator import OnImage
from dsmnet.evaluation.panels import drawable
from dsmnet.evaluation.results import Results
from dsmnet.options import check_whole
from dsmnet.types import DisparityMap, Image, Mask, StereoSample
from dsmnet.viz.canvas import resize_photo
from dsmnet.viz.color import disparity_range, known_pixels
from dsmnet.viz.panel import error_tile, ground_truth_tile, prediction_tile, tile_size
from dsmnet.viz.single_file import base64_text

AREA = 160_000  # pixels of a picture at most: legible when enlarged, some 20 to 50 kB as WebP
QUALITY = 80  # percent


class Picture(NamedTuple):
    """An encoded picture, its size in pixels; `method` is empty for what does not depend on one."""

    kind: str  # left view | ground truth | prediction | error
    method: str
    height: int
    width: int
    file: Path

    def uri(self) -> str:
        """Return the picture as a ``data:`` address."""
        return "data:image/webp;base64," + base64_text(self.file.read_bytes())


class Pictures:
    """Draws left view, ground truth, predictions and errors; a context whose files are gone when it ends.

    Predictions of all methods and the ground truth share the range of colors of an image's ground truth.
    `limit` bounds the images on a page; 0 draws nothing.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit = check_whole("html_images", limit, least=0, unit="images")
        self._parent = folder
        self._numbers = itertools.count()
        self._drawn: dict[tuple[str, str], list[Picture]] = {}
        self._limits: dict[tuple[str, str], tuple[float, float]] = {}

    def __enter__(self) -> Pictures:
        if self.limit:
            self._parent.mkdir(parents=True, exist_ok=True)
            self._temporary = tempfile.TemporaryDirectory(prefix=".pictures_", dir=self._parent)
        return self

    def __exit__(self, *error: object) -> None:
        if self.limit:
            self._temporary.cleanup()

    def drawn_by(self, method: str) -> OnImage:
        """Return the callback of `evaluate` after each image of a method."""

        def draw(set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
            if self.limit:
                self._draw(method, (set_name, sample["name"]), sample, drawable(prediction), scored)

        return draw

    def of_image(self, set_name: str, image: str) -> list[Picture]:
        """Return left view and ground truth of an image, then per method prediction and error."""
        return self._drawn.get((set_name, image), [])

    def limits(self, set_name: str, image: str) -> tuple[float, float]:
        """Return the disparities of the coldest and the warmest color of an image, pixels."""
        return self._limits[set_name, image]

    def _draw(
        self, method: str, key: tuple[str, str], sample: StereoSample, prediction: DisparityMap, scored: Mask
    ) -> None:
        left, target = sample["left"], sample["disparity"]
        height, width = left.shape[:2]
        size = tile_size(height, width, min(AREA, height * width))
        mask = known_pixels(target, scored)
        if key not in self._drawn:
            self._limits[key] = disparity_range(target, mask)
            self._add(key, "left view", "", resize_photo(left, *size))
            tile = ground_truth_tile(target, mask, self._limits[key], size)
            self._add(key, "ground truth", "", tile.picture)
        tile = prediction_tile(prediction, target, mask, self._limits[key], size)
        self._add(key, "prediction", method, tile.picture)
        self._add(key, "error", method, error_tile(prediction, target, mask, size).picture)

    def _add(self, key: tuple[str, str], kind: str, method: str, picture: Image) -> None:
        file = Path(self._temporary.name) / f"{next(self._numbers)}.webp"
        _, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        file.write_bytes(data.tobytes())
        height, width = picture.shape[:2]
        self._drawn.setdefault(key, []).append(Picture(kind, method, height, width, file))


def worst_images(results: Results, limit: int) -> dict[str, list[str]]:
    """Return the names of the images of each set that get pictures, worst first.

    The limit is divided over the sets as evenly as their sizes allow. The worst are those with the largest
    EPE of any network, so that an image on which only one of them fails is among them.
    """
    ranked = {name: list(results.worst_epe(name)) for name in results.sets}
    share = shares({name: len(images) for name, images in ranked.items()}, limit)
    return {name: images[: share[name]] for name, images in ranked.items()}


def shares(counts: Mapping[str, int], limit: int) -> dict[str, int]:
    """Divide `limit` over sets: the same for each, what a small set does not need goes to the larger ones."""
    given, rest = {}, limit
    for position, name in enumerate(sorted(counts, key=lambda name: counts[name])):
        given[name] = min(counts[name], rest // (len(counts) - position))
        rest -= given[name]
    return given
