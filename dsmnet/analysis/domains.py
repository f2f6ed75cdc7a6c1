"""Features of a network on several domains: the content of analysis.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from dsmnet.adaptation import Moments
from dsmnet.adaptation.forward_hooks import forward_hooks
from dsmnet.analysis.divergence import layer_divergence, wasserstein
from dsmnet.analysis.domain_classifier import domain_accuracy
from dsmnet.analysis.hooks import blocks, crops, features_of_pair, normalised_convolutions
from dsmnet.datasets.health_check import choose_pairs
from dsmnet.errors import UserError
from dsmnet.inference import StereoPredictor
from dsmnet.inference.predictor import to_tensor
from dsmnet.options import check_whole
from dsmnet.progress import track
from dsmnet.types import Image, StereoSample

HISTOGRAM_BINS = 200
FOLDS = 2


@dataclass(frozen=True)
class Sampling:
    """Sample sizes of an analysis."""

    images: int = 16  # pairs per domain at most, evenly spread
    batches: int = 48  # per domain, for the domain classifier
    batch_size: int = 4  # crops in a batch, of any images of the domain (of one fold) and of both views
    crop: tuple[int, int] = (128, 256)  # height and width, pixels

    def __post_init__(self) -> None:
        check_whole("sampling.images", self.images)
        check_whole("sampling.batches", self.batches, least=2 * FOLDS)
        check_whole("sampling.batch_size", self.batch_size)
        if len(self.crop) != 2 or min(self.crop) < 64:
            crop = list(self.crop)
            raise UserError(f"sampling.crop={crop}: expected height and width of 64 pixels or more")


@dataclass
class _Seen:
    """Measurements of a pass over a domain."""

    norms: NDArray[np.float32]  # lengths of all pixels' feature vectors
    layers: dict[str, Moments]  # moments of each block's output, shallow to deep
    statistics: dict[str, Tensor]  # mean and log std of each norm's input, [batches, 2 * channels]
    folds: list[int]  # fold of each batch
    pairs: int


def analyze(
    predictor: StereoPredictor,
    domains: Mapping[str, Dataset[StereoSample]],
    sampling: Sampling | None = None,
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Compare a network's features between domains; the first domain is the one others are compared with.

    Features are those of both views, in evaluation mode, at the full size of the images. Ground truth is not
    needed.

    Returns:
        ``norms``: per domain, quartiles and histogram of the lengths of the pixels' feature vectors, in units
        of the first domain's median. ``wasserstein``: distance of these distributions for each pair of
        domains, in the same unit. ``divergence``: per layer, shallow to deep, and per domain beside the
        first, the symmetric KL divergence of each channel. ``domain_classifier``: per layer, how well the
        domain is told from a batch's means and standard deviations; domains of a single pair are left out of
        it and listed.
    """
    if len(domains) < 2:
        raise UserError(f"domains={list(domains)}: expected at least two, to compare")
    sampling = sampling or Sampling()
    predictor = predictor.eval()
    seen = {
        name: _look(predictor, dataset, sampling, f"{predictor.config['norm']} on {name}", progress)
        for name, dataset in domains.items()
    }
    first = next(iter(seen))
    unit = float(np.median(seen[first].norms)) or 1.0
    lengths = {name: domain.norms / unit for name, domain in seen.items()}
    top = max(float(np.quantile(values, 0.999)) for values in lengths.values())
    return {
        "pairs": {name: domain.pairs for name, domain in seen.items()},
        "norms": {"unit": unit, **{name: _distribution(values, top) for name, values in lengths.items()}},
        "wasserstein": {
            f"{a}-{b}": round(wasserstein(lengths[a], lengths[b]), 6) for a, b in combinations(lengths, 2)
        },
        "divergence": {
            layer: {
                name: _channels(layer_divergence(seen[first].layers[layer], domain.layers[layer]))
                for name, domain in seen.items()
                if name != first
            }
            for layer in seen[first].layers
        },
        "domain_classifier": _classify(seen),
    }


def _look(
    predictor: StereoPredictor, dataset: Dataset[StereoSample], sampling: Sampling, label: str, progress: bool
) -> _Seen:
    """Pass over a domain: whole images for norms and layers, crops for the statistics of batches."""
    chosen = choose_pairs(len(dataset), sampling.images)  # type: ignore[arg-type]
    layers: dict[str, Moments] = {}
    norms: list[NDArray[np.float32]] = []
    windows: list[list[Image]] = [[] for _ in range(FOLDS)]
    per_image = -(-sampling.batches * sampling.batch_size // len(chosen))
    backbone = predictor.net.backbone

    def add(name: str, _: Tensor, output: Tensor) -> None:
        layers.setdefault(name, Moments()).add(output)

    for number, index in enumerate(track(chosen, label, enabled=progress)):
        sample = dataset[index]
        left, right = sample["left"], sample["right"]
        with forward_hooks(blocks(backbone), add):
            maps = features_of_pair(predictor, left, right)
        norms.append(maps.norm(dim=1).flatten().float().cpu().numpy())
        windows[number % FOLDS] += crops(left, right, sampling.crop, per_image, seed=index)
    statistics, folds = [], []
    for fold, mine in enumerate(windows):
        order = np.random.default_rng(fold).permutation(len(mine))
        for start in range(0, len(mine) - sampling.batch_size + 1, sampling.batch_size):
            batch = [to_tensor(mine[i]) for i in order[start : start + sampling.batch_size]]
            statistics.append(_batch_statistics(predictor, torch.stack(batch)))
            folds.append(fold)
    by_layer = {name: torch.stack([batch[name] for batch in statistics]) for name in statistics[0]}
    return _Seen(np.concatenate(norms), layers, by_layer, folds, len(chosen))


@torch.inference_mode()
def _batch_statistics(predictor: StereoPredictor, batch: Tensor) -> dict[str, Tensor]:
    """Per layer, mean and logarithm of the standard deviation of each channel that a norm receives."""
    found: dict[str, Tensor] = {}

    def see(name: str, _: Tensor, output: Tensor) -> None:
        variance, mean = torch.var_mean(output.float(), dim=(0, 2, 3))
        found[name] = torch.cat([mean, 0.5 * (variance + 1e-12).log()]).cpu()

    height, width = (size // predictor.net.divisor * predictor.net.divisor for size in batch.shape[-2:])
    images = predictor.net.normalize(batch[..., :height, :width].to(predictor.device))
    with forward_hooks(normalised_convolutions(predictor.net.backbone), see):
        predictor.features(images)
    return found


def _classify(seen: Mapping[str, _Seen]) -> dict[str, Any]:
    """Accuracy per layer, over the domains with images enough for every fold."""
    kept = [name for name, domain in seen.items() if domain.pairs >= FOLDS]
    result: dict[str, Any] = {"domains": kept, "left_out": [name for name in seen if name not in kept]}
    if len(kept) < 2:
        return {**result, "chance": None, "accuracy": {}}
    kinds = [index for index, name in enumerate(kept) for _ in seen[name].folds]
    folds = [fold for name in kept for fold in seen[name].folds]
    accuracy = {}
    for layer in seen[kept[0]].statistics:
        statistics = torch.cat([seen[name].statistics[layer] for name in kept])
        accuracy[layer] = round(domain_accuracy(statistics, kinds, folds), 4)
    return {**result, "chance": 1 / len(kept), "accuracy": accuracy}


def _distribution(values: NDArray[np.floating], top: float) -> dict[str, Any]:
    density, edges = np.histogram(values, bins=HISTOGRAM_BINS, range=(0, top), density=True)
    quartiles = [_short(value) for value in np.quantile(values, (0.25, 0.5, 0.75))]
    histogram = {"from": 0.0, "to": _short(edges[-1]), "density": [_short(value) for value in density]}
    return {"mean": _short(values.mean()), "quartiles": quartiles, "histogram": histogram}


def _channels(divergence: Tensor) -> dict[str, Any]:
    mean, median = _short(divergence.mean()), _short(divergence.median())
    return {"mean": mean, "median": median, "channels": [_short(value) for value in divergence]}


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")


def network_labels(configs: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> list[str]:
    """Return a label for each network: its norm, with the checkpoint where two have the same."""
    norms = [str(config["norm"]) + (" + AdaBN" if "adapted" in config else "") for config in configs]
    pairs = zip(norms, sources, strict=True)
    return [norm if norms.count(norm) == 1 else f"{norm} ({source})" for norm, source in pairs]
