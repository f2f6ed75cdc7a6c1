"""AdaBN for a stereo network: both views of the pairs of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.utils.data import Dataset

from dsmnet.adaptation.adabn import Adaptation, Mode, adapt_batch_norms
from dsmnet.datasets.health_check import choose_pairs
from dsmnet.errors import UserError
from dsmnet.inference import StereoPredictor
from dsmnet.inference.search import resolve_max_disparity
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
        predictor: The network, on its device.
        dataset: Pairs of the target domain.
        images: At most so many pairs, evenly spread; `None` for all.
        max_disparity: Pixels to search, or "auto", as in an evaluation; matters to norms inside the volume.
        mode: see `adapt_batch_norms`.
        prior: see `adapt_batch_norms`; in pairs.
        progress: Show a bar per pass.

    Raises:
        UserError: see `adapt_batch_norms`, or `images` is not positive.
    """
    if images is not None and images < 1:
        raise UserError(f"images={images}: expected a positive number of pairs, or null for all")
    chosen = choose_pairs(len(dataset), images)  # type: ignore[arg-type]

    def pairs(what: str) -> Iterable[int]:
        return track(chosen, f"AdaBN, {what}", enabled=progress)

    def forward(index: int) -> Any:
        sample = dataset[index]
        reach = resolve_max_disparity(max_disparity, sample.get("calibration"), sample["left"].shape[1])
        return predictor.predict(sample["left"], sample["right"], reach)

    return adapt_batch_norms(predictor, pairs, forward, mode=mode, prior=prior)
