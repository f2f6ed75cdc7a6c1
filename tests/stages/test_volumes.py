from __future__ import annotations

import numpy as np
import pytest
import torch

from dsmnet.errors import ShapeError, UserError
from dsmnet.stages.volumes import ConcatVolume, DifferenceVolume, GroupwiseConcatVolume, GroupwiseVolume

PLANES = 5
VOLUMES = {
    "concat": ConcatVolume(6),
    "difference": DifferenceVolume(6),
    "cosine": GroupwiseVolume(6, groups=3, cosine=True),
    "correlation": GroupwiseVolume(6, groups=3, cosine=False),
    "both": GroupwiseConcatVolume(6, groups=2, joined=2),
}


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, 3, 9, generator=generator), torch.randn(2, 6, 3, 9, generator=generator)


def naive(left: np.ndarray, right: np.ndarray, kind: str, planes: int) -> np.ndarray:
    """The definition, one voxel at a time: left (x, y) against right (x - d, y), zero where x < d."""
    n, c, h, w = left.shape
    channels = {"concat": 2 * c, "difference": c, "cosine": 3, "correlation": 3, "both": 6}[kind]
    volume = np.zeros((n, channels, planes, h, w), dtype=np.float64)
    for i, d, y, x in np.ndindex(n, planes, h, w):
        if x < d:
            continue
        a, b = left[i, :, y, x].astype(np.float64), right[i, :, y, x - d].astype(np.float64)
        if kind == "concat":
            volume[i, :, d, y, x] = np.concatenate([a, b])
        elif kind == "difference":
            volume[i, :, d, y, x] = a - b
        elif kind == "both":  # two groups of two channels, and two channels as they are
            volume[i, :, d, y, x] = [a[:2] @ b[:2] / 2, a[2:4] @ b[2:4] / 2, *a[4:], *b[4:]]
        else:
            for g in range(3):
                u, v = a[2 * g : 2 * g + 2], b[2 * g : 2 * g + 2]
                scale = np.linalg.norm(u) * np.linalg.norm(v) if kind == "cosine" else 2
                volume[i, g, d, y, x] = u @ v / scale
    return volume


@pytest.mark.parametrize("kind", VOLUMES)
@pytest.mark.parametrize("planes", [1, 5, 12])  # the last is wider than the map
@pytest.mark.parametrize("captured", [False, True])
def test_equals_the_definition(
    pair: tuple[torch.Tensor, torch.Tensor],
    kind: str,
    planes: int,
    captured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: captured)
    result = VOLUMES[kind](*pair, planes)
    expected = naive(pair[0].numpy(), pair[1].numpy(), kind, planes)
    assert result.shape == (2, VOLUMES[kind].out_channels, planes, 3, 9)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-6)


def test_gradients() -> None:
    left = torch.randn(1, 4, 2, 5, dtype=torch.float64, requires_grad=True)
    right = torch.randn(1, 4, 2, 5, dtype=torch.float64, requires_grad=True)
    volumes = [ConcatVolume(4), DifferenceVolume(4), GroupwiseVolume(4, 2), GroupwiseConcatVolume(4, 1, 2)]
    for volume in volumes:
        assert torch.autograd.gradcheck(lambda a, b, v=volume: v(a, b, 3), (left, right))


def test_bad_input_is_named(pair) -> None:
    with pytest.raises(ShapeError, match=r"\(2, 6, 3, 9\).*\(2, 6, 3, 8\)"):
        ConcatVolume(6)(pair[0], pair[1][..., :8], PLANES)
    with pytest.raises(ShapeError, match="0 planes"):
        ConcatVolume(6)(*pair, 0)
    with pytest.raises(UserError, match=r"groups=4.*6"):
        GroupwiseVolume(6, groups=4)
    with pytest.raises(UserError, match=r"groups=2.*joined=3.*6"):
        GroupwiseConcatVolume(6, groups=2, joined=3)
    with pytest.raises(UserError, match=r"joined=6.*6"):
        GroupwiseConcatVolume(6, groups=2, joined=6)


def test_nothing_joined_is_the_correlation_alone(pair) -> None:
    result = GroupwiseConcatVolume(6, groups=3, joined=0)(*pair, PLANES)
    torch.testing.assert_close(result, GroupwiseVolume(6, groups=3, cosine=False)(*pair, PLANES))
