"""What a run leaves beside the files of each pair: a video of the colors, and a recording to look at."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from dsmnet.atomic import write_until_stopped
from dsmnet.errors import UserError
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.inference.color_video import NAME, ColorVideo, write_color_video
from dsmnet.inference.files import ResultWriter
from dsmnet.io.pairs import PairFiles
from dsmnet.options import check_choice
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud

log = logging.getLogger(__name__)

Output = Callable[[PairFiles, LoadedPair, MatchedPair], None]
_EPOCH = 1e8  # seconds; a smaller time is one since the start, not of a clock
_MEMORY = "25%"  # of the machine's, that the viewer may fill with frames before it drops the oldest


@dataclass
class Outputs:
    """Options of what a run leaves; a `UserError` where one has a value it cannot have.

    Attributes:
        saves: Whether the files of each pair are written, as `save` says.
    """

    writer: ResultWriter
    live: bool  # of a camera, ``save=auto`` writes no files, which would fill the disk
    save: bool | str = "auto"
    viewer: str | None = None  # rerun starts the viewer, FILE.rrd is for later
    color_video: float | None = None  # frames per second

    def __post_init__(self) -> None:
        check_choice("save", self.save, ("auto", True, False))
        self.saves = not self.live if isinstance(self.save, str) else self.save
        # Pictures that are not written, or come at the pace of a camera, go into the video as they come.
        self._grows = self.color_video is not None and (self.live or not self.saves)
        if self.viewer is None:
            return
        if self.viewer != "rerun" and not str(self.viewer).endswith(".rrd"):
            raise UserError(f"viewer={self.viewer}: expected rerun, or FILE.rrd to look at later")
        try:
            import rerun  # noqa: F401
        except ImportError:
            raise UserError(f"viewer={self.viewer}: needs Rerun; pip install 'dsmnet[viewer]'") from None
        display = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if self.viewer == "rerun" and not display:
            raise UserError("viewer=rerun: there is no display; expected viewer=FILE.rrd to look at later")

    @contextmanager
    def open(self) -> Iterator[list[Output]]:
        """Functions that are called with each result; their files are complete however the block ends."""
        with ExitStack() as stack:
            shown = [stack.enter_context(self._viewer())] if self.viewer is not None else []
            yield [*shown, *([stack.enter_context(self._growing_video())] if self._grows else [])]

    def write_video(self, names: Sequence[str]) -> None:
        """Write the video of these pairs where it has not grown with the run."""
        if self.color_video is not None and not self._grows:
            log.info("wrote %s", write_color_video(self.writer.folder, names, self.color_video))

    @contextmanager
    def _growing_video(self) -> Iterator[Output]:
        path = self.writer.folder / NAME
        with write_until_stopped(path) as part:
            video = ColorVideo(part, path, self.color_video or 0)

            def add(pair: PairFiles, loaded: LoadedPair, matched: MatchedPair) -> None:
                video.add(self.writer.color(matched.disparity), pair.name, pair.time if self.live else None)

            try:
                yield add
            finally:
                video.close()
        if not video.frames:
            path.unlink()

    @contextmanager
    def _viewer(self) -> Iterator[Output]:
        import rerun

        stream, viewer = rerun.RecordingStream("dsmnet"), str(self.viewer)
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
            numbers = count(1)
            yield lambda *result: self._show(stream, rerun, next(numbers), *result)

    def _show(
        self, stream: Any, rerun: Any, number: int, pair: PairFiles, loaded: LoadedPair, matched: MatchedPair
    ) -> None:
        """Log a result at its number and its time."""
        stream.set_time("pair", sequence=pair.frame or number)
        if pair.time is not None:
            stream.set_time("time", **{"timestamp" if pair.time > _EPOCH else "duration": pair.time})
        pictures = {
            "left": loaded.result_left,
            "right": loaded.right,
            "disparity": self.writer.color(matched.disparity),
        }
        if matched.confidence is not None:
            pictures["confidence"] = np.rint(matched.confidence * 255).astype(np.uint8)
        for name, picture in pictures.items():
            stream.log(name, rerun.Image(picture).compress(jpeg_quality=90))
        if loaded.calibration is not None:
            cloud, depth = self.writer.cloud, depth_from_disparity(matched.disparity, loaded.calibration)
            stream.log("depth", rerun.DepthImage(depth, meter=1.0, colormap="turbo"))
            chosen = loaded.result_left, loaded.calibration, cloud.max_depth, cloud.edge_filter
            points, colors = point_cloud(matched.disparity, *chosen)
            step = -(-len(points) // cloud.max_points) or 1
            stream.log("cloud", rerun.Points3D(points[::step], colors=colors[::step]))
