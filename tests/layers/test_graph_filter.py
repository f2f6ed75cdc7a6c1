"""Graph filters as modules, and their edges."""

from __future__ import annotations

import pytest
import torch

from dsmnet.config import compose, instantiate
from dsmnet.errors import ShapeError, UserError
from dsmnet.layers.graph_filter import GraphFilter, VolumeGraphFilter, edge_weights
from dsmnet.layers.merge import Merge
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sgf

# (row, column) of the neighbour of each entry, for the passes down, up, right, left
NEIGHBOURS = [
    [(0, 0), (-1, 0), (-1, -1), (-1, 1), (0, -1)],
    [(0, 0), (1, 0), (1, -1), (1, 1), (0, 1)],
    [(0, 0), (0, -1), (-1, -1), (1, -1), (-1, 0)],
    [(0, 0), (0, 1), (-1, 1), (1, 1), (1, 0)],
]


@pytest.fixture
def norm() -> Placement:
    return instantiate(compose("build", ["norm=instance"]).norm)


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_edges_are_a_softmax_over_similarities(similarity: str) -> None:
    x = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = edge_weights(x, similarity, temperature=1.7)
    unit = x / x.norm(dim=1, keepdim=True) if similarity == "cosine" else x
    for k, steps in enumerate(NEIGHBOURS):
        for r in range(4):
            for c in range(5):
                logits = [
                    1.7 * float(unit[0, :, r, c] @ unit[0, :, r + dr, c + dc])
                    if 0 <= r + dr < 4 and 0 <= c + dc < 5
                    else 0.0  # a neighbour that is not there takes part with similarity 0
                    for dr, dc in steps
                ]
                expected = torch.tensor(logits, dtype=torch.float64).softmax(0)
                torch.testing.assert_close(found[0, k, :, r, c], expected)


def test_an_unknown_similarity_is_refused() -> None:
    with pytest.raises(UserError, match="similarity='l1': expected 'dot' or 'cosine'"):
        edge_weights(torch.zeros(1, 2, 3, 3), "l1")


def test_the_published_filter_standardises_its_embedding_and_has_no_temperature(norm: Placement) -> None:
    published = GraphFilter(4, norm, similarity="dot", standardize=True)
    assert {name.split(".")[0] for name, _ in published.named_parameters()} == {"embed", "fuse"}
    x = torch.randn(2, 4, 5, 6)
    embedding = published.embed(x)
    torch.testing.assert_close(embedding.mean((2, 3)), torch.zeros(2, 4), rtol=0, atol=1e-5)
    expected = published.fuse(torch.cat([sgf(x, edge_weights(embedding)), x], dim=1))
    torch.testing.assert_close(published(x), expected)


def test_a_volume_is_filtered_plane_by_plane(norm: Placement) -> None:
    stage = VolumeGraphFilter(3, 2, norm).eval()
    volume, guide = torch.randn(1, 2, 4, 5, 6), torch.randn(1, 3, 5, 6)
    weights = edge_weights(stage.embed(guide))
    planes = torch.stack([sgf(volume[:, :, d], weights) for d in range(4)], dim=2)
    torch.testing.assert_close(stage(volume, guide), stage.fuse(torch.cat([planes, volume], dim=1)))


@pytest.mark.parametrize(("dims", "coarse", "fine"), [(2, (3, 4), (6, 8)), (3, (2, 3, 4), (3, 6, 8))])
def test_merging_up_and_down(
    norm: Placement, dims: int, coarse: tuple[int, ...], fine: tuple[int, ...]
) -> None:
    small, large = torch.randn(1, 5, *coarse), torch.randn(1, 3, *fine)
    assert Merge(5, 3, norm, up=True, ndim=dims)(small, large).shape == large.shape
    assert Merge(3, 5, norm, up=False, ndim=dims)(large, small).shape == small.shape


def test_merging_what_does_not_fit_prints_both_shapes(norm: Placement) -> None:
    with pytest.raises(ShapeError, match=r"cannot merge \(1, 3, 6, 8\) with \(1, 3, 6, 9\)"):
        Merge(5, 3, norm, up=True)(torch.randn(1, 5, 3, 4), torch.randn(1, 3, 6, 9))
