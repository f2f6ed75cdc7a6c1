"""AdaBN for a stereo network: both views of the pairs of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.utils.data import Dataset

from dsmnet.adaptation.adabn import Adaptation, Mode, adapt_batch_norms
from dsmnet.datasets.health_check import choose_pairs
from dsmnet.inference import StereoPredictor
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.options import check_whole
from dsmnet.progress import track
from dsmnet.types import StereoSample


def adapt(
    predictor: StereoPredictor,
    dataset: Dataset[StereoSample],
    *,
    images: int | None = None,
    max_disparity: int | str = "auto",
    mode: Mode = "layerwise",
    prior: float = 0.0,
    progress: bool = True,
) -> Adaptation:
    """Fit the batch norms of a network to a data set, in place; ground truth is never looked at.

    The network sees the pairs as it does when it predicts, at their full size and padded in the same way.

    Args:
        predictor: Network, on its device.
        dataset: Pairs of the target domain.
        images: Number of pairs at most, evenly spread; None for all.
        max_disparity: Search range in pixels, or "auto"; matters to norms inside the volume.
        mode: Order of the passes, see `adapt_batch_norms`.
        prior: Weight of the source statistics in pairs, see `adapt_batch_norms`.
        progress: Whether to show a bar per pass.
    """
    if images is not None:
        check_whole("images", images, unit="pairs")
    chosen = choose_pairs(len(dataset), images)  # type: ignore[arg-type]

    def pairs(what: str) -> Iterable[int]:
        return track(chosen, f"AdaBN, {what}", enabled=progress)

    def forward(index: int) -> Any:
        sample = dataset[index]
        searched = resolve_max_disparity(max_disparity, sample.get("calibration"), sample["left"].shape[1])
        return predictor.predict(sample["left"], sample["right"], searched)

    return adapt_batch_norms(predictor, pairs, forward, mode=mode, prior=prior)
