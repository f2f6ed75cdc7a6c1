"""What a run leaves: files of each pair, a video of the colors, and what a viewer shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dsmnet.atomic import write_until_stopped
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.inference.color_video import NAME, ColorVideo, write_color_video
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.viewer import check_viewer, open_viewer
from dsmnet.io.pairs import PairFiles
from dsmnet.options import check_choice

log = logging.getLogger(__name__)

Output = Callable[[PairFiles, LoadedPair, MatchedPair], None]


@dataclass
class Outputs:
    """Options of what a run leaves; a `UserError` where one has a value it cannot have.

    Attributes:
        saves: Whether the files of each pair are written, as `save` says.
    """

    writer: ResultWriter
    live: bool  # of a camera, ``save=auto`` writes no files, which would fill the disk
    save: bool | str = "auto"
    viewer: str | None = None  # see `open_viewer`
    color_video: float | None = None  # frames per second

    def __post_init__(self) -> None:
        check_choice("save", self.save, ("auto", True, False))
        check_viewer(self.viewer)
        self.saves = not self.live if isinstance(self.save, str) else self.save
        # Pictures that are not written, or come at the pace of a camera, go into the video as they come.
        self._grows = self.color_video is not None and (self.live or not self.saves)

    @contextmanager
    def open(self) -> Iterator[list[Output]]:
        """Functions that are called with each result; their files are complete once the block has ended."""
        with ExitStack() as stack:
            outputs: list[Output] = []
            if self.viewer is not None:
                outputs.append(stack.enter_context(open_viewer(self.viewer, self.writer)))
            if self._grows:
                outputs.append(stack.enter_context(self._growing_video(self.color_video or 0)))
            yield outputs

    def write_video(self, names: Sequence[str]) -> None:
        """Write the video of these pairs where it has not grown with the run."""
        if self.color_video is not None and not self._grows:
            log.info("wrote %s", write_color_video(self.writer.folder, names, self.color_video))

    @contextmanager
    def _growing_video(self, fps: float) -> Iterator[Output]:
        path = self.writer.folder / NAME
        with write_until_stopped(path) as part:
            video = ColorVideo(part, path, fps)

            def add(pair: PairFiles, loaded: LoadedPair, matched: MatchedPair) -> None:
                video.add(self.writer.color(matched.disparity), pair.name, pair.time if self.live else None)

            try:
                yield add
            finally:
                video.close()
        if video.frames:
            log.info("wrote %s", path)
        else:
            path.unlink()
