"""A run to look at while it goes on: views, disparity, confidence, depth and cloud in the viewer of Rerun."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dsmnet.atomic import write_until_stopped
from dsmnet.errors import UserError
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.inference.files import ResultWriter
from dsmnet.io.pairs import PairFiles
from dsmnet.types import Image
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud

_EPOCH = 1e8  # seconds; a smaller time is one since the start, not of a clock
_MEMORY = "25%"  # of the machine's, that the viewer may fill with frames before it drops the oldest


def check_viewer(viewer: str | None) -> None:
    """Refuse what ``viewer=`` cannot be: ``rerun`` where there is a display, or a path of a .rrd file."""
    if viewer is None:
        return
    if viewer != "rerun" and not str(viewer).endswith(".rrd"):
        raise UserError(f"viewer={viewer}: expected rerun, or FILE.rrd to look at later")
    try:
        import rerun  # noqa: F401
    except ImportError:
        raise UserError(f"viewer={viewer}: needs the viewer of Rerun; pip install 'dsmnet[viewer]'") from None
    shown = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if viewer == "rerun" and not shown:
        raise UserError("viewer=rerun: there is no display; expected viewer=FILE.rrd, which opens elsewhere")


@contextmanager
def open_viewer(
    viewer: str, writer: ResultWriter
) -> Iterator[Callable[[PairFiles, LoadedPair, MatchedPair], None]]:
    """A function that shows a result; a .rrd file is complete once the block has ended, however it ends.

    Args:
        viewer: ``rerun`` starts the viewer, else a path of a .rrd file.
        writer: Writer with the colors and the bounds of the cloud.
    """
    import rerun

    stream = rerun.RecordingStream("dsmnet")
    if viewer == "rerun":
        try:
            stream.spawn(memory_limit=_MEMORY)
        except Exception as error:  # whatever the system has against it
            raise UserError(f"viewer=rerun: cannot be started ({error})") from None
        yield _shower(stream, rerun, writer)
        stream.disconnect()
        return
    with write_until_stopped(Path(viewer)) as part:
        stream.save(part)
        try:
            yield _shower(stream, rerun, writer)
        finally:
            stream.disconnect()


def _shower(
    stream: Any, rerun: Any, writer: ResultWriter
) -> Callable[[PairFiles, LoadedPair, MatchedPair], None]:
    stream.log("/", rerun.ViewCoordinates.RDF, static=True)  # x right, y down, z forward
    number = 0

    def picture(name: str, pixels: Image) -> None:
        stream.log(name, rerun.Image(pixels).compress(jpeg_quality=90))

    def show(pair: PairFiles, loaded: LoadedPair, matched: MatchedPair) -> None:
        nonlocal number
        number += 1
        stream.set_time("pair", sequence=pair.frame or number)
        if pair.time is not None:
            stream.set_time("time", **{"timestamp" if pair.time > _EPOCH else "duration": pair.time})
        picture("left", loaded.left)
        picture("right", loaded.right)
        picture("disparity", writer.color(matched.disparity))
        if matched.confidence is not None:
            picture("confidence", np.rint(matched.confidence * 255).astype(np.uint8))
        if loaded.calibration is not None:
            cloud, calibration = writer.cloud, loaded.calibration
            depth = depth_from_disparity(matched.disparity, calibration)
            stream.log("depth", rerun.DepthImage(depth, meter=1.0, colormap="turbo"))
            chosen = cloud.max_depth, cloud.edge_filter
            points, colors = point_cloud(matched.disparity, loaded.left, calibration, *chosen)
            step = -(-len(points) // cloud.max_points) or 1
            stream.log("cloud", rerun.Points3D(points[::step], colors=colors[::step]))

    return show
