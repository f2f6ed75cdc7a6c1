from __future__ import annotations

import numpy as np
import pytest
import torch

from dsmnet.errors import ShapeError, UserError
from dsmnet.stages.volumes import ConcatVolume, DifferenceVolume, GroupwiseConcatVolume, GroupwiseVolume

PLANES = 5


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, 3, 9, generator=generator), torch.randn(2, 6, 3, 9, generator=generator)


def naive(left: np.ndarray, right: np.ndarray, kind: str) -> np.ndarray:
    """The definition, one voxel at a time: left (x, y) against right (x - d, y), zero where x < d."""
    n, c, h, w = left.shape
    channels = {"concat": 2 * c, "difference": c, "cosine": 3, "correlation": 3, "both": 6}[kind]
    volume = np.zeros((n, channels, PLANES, h, w), dtype=np.float64)
    for i, d, y, x in np.ndindex(n, PLANES, h, w):
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


@pytest.mark.parametrize(
    ("volume", "kind"),
    [
        (ConcatVolume(6), "concat"),
        (DifferenceVolume(6), "difference"),
        (GroupwiseVolume(6, groups=3, cosine=True), "cosine"),
        (GroupwiseVolume(6, groups=3, cosine=False), "correlation"),
        (GroupwiseConcatVolume(6, groups=2, joined=2), "both"),
    ],
)
def test_equals_the_definition(pair, volume, kind) -> None:
    result = volume(*pair, PLANES)
    expected = naive(pair[0].numpy(), pair[1].numpy(), kind)
    assert result.shape == (2, volume.out_channels, PLANES, 3, 9)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-6)


def test_more_planes_than_columns_are_zero(pair) -> None:
    result = DifferenceVolume(6)(*pair, 12)
    assert result.shape[2] == 12
    assert result[:, :, 9:].abs().sum() == 0
    assert result[:, :, 8, :, 8].abs().sum() > 0


def test_gradients() -> None:
    left = torch.randn(1, 4, 2, 5, dtype=torch.float64, requires_grad=True)
    right = torch.randn(1, 4, 2, 5, dtype=torch.float64, requires_grad=True)
    volumes = [ConcatVolume(4), DifferenceVolume(4), GroupwiseVolume(4, groups=2)]
    for volume in (*volumes, GroupwiseConcatVolume(4, groups=1, joined=2)):
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


@pytest.mark.parametrize(
    "volume", [ConcatVolume(6), DifferenceVolume(6), GroupwiseVolume(6, 3), GroupwiseConcatVolume(6, 2, 2)]
)
@pytest.mark.parametrize("planes", [1, 5, 12])  # the last is wider than the map
def test_captured_for_any_width(
    pair: tuple[torch.Tensor, torch.Tensor],
    volume: torch.nn.Module,
    planes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = volume(*pair, planes)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    captured = volume(*pair, planes)
    assert captured.shape == expected.shape
    torch.testing.assert_close(captured, expected)
