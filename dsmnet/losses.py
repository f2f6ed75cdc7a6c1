"""Loss: smooth-L1 of disparities and cross-entropy of matching logits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.options import check_number, check_share


class StereoLoss(nn.Module):
    """Smooth-L1 of every predicted disparity, plus the cross-entropy of the logits behind them.

    The cross-entropy is with the two planes around the ground truth, weighted so that their mean is the
    ground truth. It has a gradient also where the soft-argmax looks at the wrong peak. That of the first,
    unaggregated logits is taken over pixels visible in both views.

    Args:
        disparity_weights: Weights of the outputs, coarse to fine (DSMNet: 0.2, 0.6, 1.0); a network with
            fewer outputs takes the last ones.
        volume_weights: Weights of the logits: the last one of the final logits, those before it of the first
            ones. Empty for smooth-L1 alone, as published.
        beta: Error in pixels at which smooth-L1 turns from square to linear; 0 for the absolute error.
        clamp: Error in pixels that a larger one counts as, without a gradient, so that pixels which cannot be
            matched stop pulling. None for no bound.
        occluded: Weight of pixels that only one view sees, from 0 to 1, where the batch says which they are.
        gamma: Given, output i of n weighs ``gamma ** (15 (n - i) / (n - 1))``, from ``gamma ** 15`` to 1
            however many there are, in the place of `disparity_weights`: the loss of RAFT-Stereo's sequences.
        largest: Ground truth in pixels from which on a pixel does not count; None for no bound.
        initial: Given, the first output comes before the sequence: it weighs so much, and its smooth-L1 turns
            at one pixel (IGEV-Stereo).

    Raises:
        UserError: No output has a weight, a number is negative or not finite, or `clamp` is not above `beta`.
    """

    def __init__(
        self,
        disparity_weights: Sequence[float] = (0.2, 0.6, 1.0),
        volume_weights: Sequence[float] = (),
        beta: float = 1.0,
        clamp: float | None = None,
        occluded: float = 1.0,
        gamma: float | None = None,
        largest: float | None = None,
        initial: float | None = None,
    ) -> None:
        super().__init__()
        if not disparity_weights:
            raise UserError(
                "loss.disparity_weights is empty: expected at least the weight of the last output"
            )
        for name, values in (
            ("disparity_weights", disparity_weights),
            ("volume_weights", volume_weights),
            ("beta", [beta]),
        ):
            if not all(0 <= value < math.inf for value in values):
                raise UserError(f"loss.{name}={values}: expected finite numbers of at least 0")
        self.disparity_weights = tuple(disparity_weights)
        self.volume_weights = tuple(volume_weights)
        if clamp is not None and not beta < clamp < math.inf:
            raise UserError(f"loss.clamp={clamp}: expected null, or a finite number above loss.beta={beta}")
        self.beta = beta
        self.occluded = check_share("loss.occluded", occluded)
        self.bound = math.inf if clamp is None else clamp
        self.gamma = None if gamma is None else check_number("loss.gamma", gamma, above=0, most=1)
        self.largest = math.inf if largest is None else check_number("loss.largest", largest, above=0)
        self.initial = None if initial is None else check_number("loss.initial", initial, least=0)

    def forward(
        self,
        disparities: Sequence[Tensor],
        logits: Sequence[Tensor],
        ground_truth: Tensor,
        valid: Tensor,
        noc: Tensor | None = None,
    ) -> Tensor:
        """Return the weighted sum.

        Disparities are [N, 1, H, W] in pixels, masks of pixels that count and of those visible in both views
        (`noc`, None if unknown) alike. Plane k of logits [N, 1, D, h, w] is a disparity of k H/h pixels.
        """
        total = ground_truth.new_zeros(())
        if self.largest < math.inf:
            valid = valid & (ground_truth.abs() < self.largest)
        counted = valid if noc is None or self.occluded == 1 else valid * (noc + self.occluded * ~noc)
        count = mean_count(counted)
        before = [] if self.initial is None else [(self.initial, disparities[0], 1.0)]
        sequence = disparities[len(before) :]
        pairs = _pair_from_the_end(self._weights(len(sequence)), sequence)
        for weight, disparity, beta in [*before, *((*pair, self.beta) for pair in pairs)]:
            off = (_exact(disparity) - ground_truth).clamp(-self.bound, self.bound)
            error = F.smooth_l1_loss(off, torch.zeros_like(off), reduction="none", beta=beta)
            total = total + weight * (error * counted).sum() / count
        early = max(len(self.volume_weights) - 1, 0)
        chosen = [*logits[:-1][:early], *logits[-1:]]
        for weight, volume in _pair_from_the_end(self.volume_weights, chosen):
            raw = volume is logits[0] and len(logits) > 1
            mask = noc if raw and noc is not None else counted
            total = total + weight * volume_cross_entropy(volume, ground_truth, mask)
        return total

    def _weights(self, outputs: int) -> Sequence[float]:
        if self.gamma is None:
            return self.disparity_weights
        last = outputs - 1
        return [self.gamma ** (15 * (last - step) / max(last, 1)) for step in range(outputs)]


def _pair_from_the_end(weights: Sequence[float], tensors: Sequence[Tensor]) -> list[tuple[float, Tensor]]:
    """Pair weights and tensors from the end; the longer one loses its first entries."""
    return list(zip(reversed(weights), reversed(tensors), strict=False))[::-1]


def volume_cross_entropy(logits: Tensor, ground_truth: Tensor, valid: Tensor) -> Tensor:
    """Cross-entropy between the softmax over planes and the two planes around the ground truth.

    Logits are [N, 1, D, h, w], the ground truth in pixels and the mask, or weights, of pixels that count
    [N, 1, H, W], H a multiple of h. Return the mean over the pixels of the small map that count and lie
    within the planes.
    """
    planes, h = logits.shape[2:4]
    stride = ground_truth.shape[-2] // h
    # The centre of a cell of strided 3x3 convolutions is its first pixel; half a cell further lies the
    # centre of the cell itself. The pixel in between is close to both.
    start = stride // 4
    target = ground_truth[:, 0, start::stride, start::stride] / stride
    mask = valid[:, 0, start::stride, start::stride] * (target < planes - 1)
    lower = target.clamp(0, planes - 1.001).floor()
    fraction = (target - lower).clamp(0, 1)
    log_p = _exact(logits).squeeze(1).log_softmax(1)
    index = lower.long()[:, None]
    near = torch.cat([log_p.gather(1, index), log_p.gather(1, (index + 1).clamp(max=planes - 1))], dim=1)
    entropy = -((1 - fraction) * near[:, 0] + fraction * near[:, 1])
    return (entropy * mask).sum() / mean_count(mask)


def _exact(tensor: Tensor) -> Tensor:
    """Return a tensor in float32, or in float64 where it comes so."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def mean_count(mask: Tensor) -> Tensor:
    """Return how many pixels a mask has, at least 1: the mean over the processes that train together.

    A sum over the pixels of a process, divided by it, averages over the processes to the mean over the pixels
    of all of them, however differently many each has: that is the gradient of one process with all pairs.
    """
    count, processes = mask.sum(), 1
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        processes = torch.distributed.get_world_size()
        torch.distributed.all_reduce(count)
    return count.clamp(min=1) / processes
