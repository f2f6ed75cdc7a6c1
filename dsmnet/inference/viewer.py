"""Results to look at in Rerun, while they come or later from a recording."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from dsmnet.atomic import write_until_stopped
from dsmnet.errors import UserError
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.inference.files import ResultWriter
from dsmnet.io.pairs import PairFiles
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud

_EPOCH = 1e8  # seconds; a smaller time is one since the start, not of a clock
_MEMORY = "25%"  # of the machine's, that the viewer may fill with frames before it drops the oldest


def check_viewer(viewer: str | None) -> None:
    """Refuse what is neither ``rerun``, which starts the viewer, nor ``FILE.rrd``, or cannot be had here."""
    if viewer is None:
        return
    if viewer != "rerun" and not str(viewer).endswith(".rrd"):
        raise UserError(f"viewer={viewer}: expected rerun, or FILE.rrd to look at later")
    try:
        import rerun  # noqa: F401
    except ImportError:
        raise UserError(f"viewer={viewer}: needs Rerun; pip install 'dsmnet[viewer]'") from None
    if viewer == "rerun" and not has_display():
        raise UserError("viewer=rerun: there is no display; expected viewer=FILE.rrd to look at later")


def has_display() -> bool:
    """Whether windows can be opened here."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@contextmanager
def open_viewer(
    viewer: str | None, writer: ResultWriter
) -> Iterator[list[Callable[[PairFiles, LoadedPair, MatchedPair], None]]]:
    """Functions that show a result as `writer` writes it; a recording is complete however the block ends."""
    if viewer is None:
        yield []
        return
    import rerun

    stream, numbers = rerun.RecordingStream("dsmnet"), count(1)
    with ExitStack() as stack:
        if viewer == "rerun":
            try:
                stream.spawn(memory_limit=_MEMORY)
            except Exception as error:  # whatever the system has against it
                raise UserError(f"viewer=rerun: cannot be started ({error})") from None
        else:
            stream.save(stack.enter_context(write_until_stopped(Path(viewer))))
        stack.callback(stream.disconnect)
        stream.log("/", rerun.ViewCoordinates.RDF, static=True)  # x right, y down, z forward
        yield [lambda *result: _show(stream, writer, next(numbers), *result)]


def _show(
    stream: Any, writer: ResultWriter, number: int, pair: PairFiles, loaded: LoadedPair, matched: MatchedPair
) -> None:
    """Log a result at its number and its time."""
    import rerun

    stream.set_time("pair", sequence=pair.frame or number)
    if pair.time is not None:
        stream.set_time("time", **{"timestamp" if pair.time > _EPOCH else "duration": pair.time})
    pictures = {
        "left": loaded.result_left,
        "right": loaded.right,
        "disparity": writer.color(matched.disparity),
    }
    if matched.confidence is not None:
        pictures["confidence"] = np.rint(matched.confidence * 255).astype(np.uint8)
    for name, picture in pictures.items():
        stream.log(name, rerun.Image(picture).compress(jpeg_quality=90))
    if loaded.calibration is not None:
        cloud, depth = writer.cloud, depth_from_disparity(matched.disparity, loaded.calibration)
        stream.log("depth", rerun.DepthImage(depth, meter=1.0, colormap="turbo"))
        chosen = loaded.result_left, loaded.calibration, cloud.max_depth, cloud.edge_filter
        points, colors = point_cloud(matched.disparity, *chosen)
        step = -(-len(points) // cloud.max_points) or 1
        stream.log("cloud", rerun.Points3D(points[::step], colors=colors[::step]))
