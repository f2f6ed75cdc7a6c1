"""Layers of a feature extractor to put hooks on, and the features and crops of a pair."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dsmnet.errors import UserError
from dsmnet.inference import StereoPredictor
from dsmnet.layers.conv import ConvNormAct, ResidualBlock
from dsmnet.types import Image


def blocks(backbone: nn.Module) -> dict[str, nn.Module]:
    """Return the blocks of an extractor, by name: convolution, norm and activation, or a residual block."""
    kinds = ConvNormAct | ResidualBlock
    found: dict[str, nn.Module] = {n: m for n, m in backbone.named_modules() if isinstance(m, kinds)}
    if not found:
        raise UserError("analysis: the network's features hold neither ConvNormAct nor ResidualBlock")
    return found


def normalised_convolutions(backbone: nn.Module) -> dict[str, nn.Module]:
    """Return the convolutions whose output a norm receives, by name."""
    found: dict[str, nn.Module] = {}
    for name, block in blocks(backbone).items():
        if isinstance(block, ResidualBlock):
            found |= {f"{name}.conv1": block.conv1, f"{name}.conv2": block.conv2}
        elif isinstance(block, ConvNormAct):
            found[name] = block[0]
    return found


@torch.inference_mode()
def features_of_pair(predictor: StereoPredictor, left: Image, right: Image) -> Tensor:
    """Return the features of both views, [2, C, h, w], without those of the padding."""
    pair, padding = predictor.prepare(left, right)
    maps = predictor.features(pair)
    stride = predictor.net.stride
    return maps[..., -(-padding.top // stride) :, : maps.shape[-1] - -(-padding.right // stride)]


def crops(image: Image, other: Image, size: tuple[int, int], count: int, seed: int) -> list[Image]:
    """Cut windows [h, w, 3] out of both views, half of them from each, at random places."""
    rows, columns = image.shape[0] - size[0], image.shape[1] - size[1]
    if rows < 0 or columns < 0:
        raise UserError(f"crop={list(size)}: larger than an image of {list(image.shape[:2])}")
    rng = np.random.default_rng(seed)
    windows = []
    for index in range(count):
        top, left = int(rng.integers(rows + 1)), int(rng.integers(columns + 1))
        windows.append((image, other)[index % 2][top : top + size[0], left : left + size[1]])
    return windows
