"""The graph filter as a module: edge weights from the features themselves, then SGF, then a fusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sgf

# (row, column) of the neighbour of each of the five weights, for the passes down, up, right, left.
_NEIGHBOURS = (
    ((0, 0), (-1, 0), (-1, -1), (-1, 1), (0, -1)),
    ((0, 0), (1, 0), (1, -1), (1, 1), (0, 1)),
    ((0, 0), (0, -1), (-1, -1), (1, -1), (-1, 0)),
    ((0, 0), (0, 1), (-1, 1), (1, 1), (1, 0)),
)


def edge_weights(embedding: Tensor, similarity: str = "dot", temperature: Tensor | float = 1.0) -> Tensor:
    """Turn the similarity of neighbouring pixels into the weights that `dsmnet.ops.sgf` takes.

    Args:
        embedding: [N, C, H, W].
        similarity: ``dot`` (products, as in DSMNet's code) or ``cosine`` (as in the paper).
        temperature: factor before the softmax over the five entries.

    Returns:
        Weights [N, 4, 5, H, W] that sum to 1 over the entries. A neighbour outside the map has similarity 0.
    """
    if similarity == "cosine":
        embedding = F.normalize(embedding, dim=1)
    elif similarity != "dot":
        raise UserError(f"similarity={similarity!r}: expected 'dot' or 'cosine'")
    h, w = embedding.shape[-2:]
    padded = F.pad(embedding, (1, 1, 1, 1))
    near = {
        (dr, dc): (embedding * padded[..., 1 + dr : 1 + dr + h, 1 + dc : 1 + dc + w]).sum(1)
        for dr in (-1, 0, 1)
        for dc in (-1, 0, 1)
    }
    logits = torch.stack([torch.stack([near[step] for step in steps], 1) for steps in _NEIGHBOURS], 1)
    return (logits * temperature).softmax(dim=2)


class GraphFilter(nn.Module):
    """SGF on a feature map, joined with its input (DSMNet, section 3.2)."""

    def __init__(self, channels: int, norm: Placement, *, similarity: str = "cosine") -> None:
        super().__init__()
        self.similarity = similarity
        self.embed = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.log_temperature = nn.Parameter(torch.zeros(()))
        self.fuse = ConvNormAct(2 * channels, channels, norm)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        weights = edge_weights(self.embed(x), self.similarity, self.log_temperature.exp())
        return self.fuse(torch.cat([sgf(x, weights), x], dim=1))
