"""An evaluation's results as a table for spreadsheets and data frames: one row per image and method."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsmnet.atomic import atomic_write
from dsmnet.errors import defused
from dsmnet.evaluation.methods import methods
from dsmnet.evaluation.protocol import METRICS

COLUMNS = ("set", "method", "image", *METRICS, "pixels", "seconds")


def image_rows(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row per set, method and image from the content of results.json; EPE in pixels, else percent."""
    for name in results["sets"]:
        for method, sets in methods(results).items():
            for image in sets[name]["per_image"]:
                # null stands for infinity there: an image without a pixel to score has no entry
                scores = {metric: "inf" if image[metric] is None else image[metric] for metric in METRICS}
                row = {"set": name, "method": method, "image": image["name"], **scores}
                yield row | {"pixels": image["pixels"], "seconds": image["seconds"]}


def write_csv(results: Mapping[str, Any], path: Path) -> None:
    """Write a row per set, method and image; no name becomes a formula."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({key: defused(cell) for key, cell in row.items()} for row in image_rows(results))
