"""The parts of iterative networks: look-ups beside torch's own sampling, units, and their order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.errors import ShapeError, UserError
from dsmnet.stages.iterative.all_pairs import AllPairsCorrelation, sample_window
from dsmnet.stages.iterative.update import ConvGRU, MotionEncoder, MultiLevelUpdate


def maps(*shape: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def columns(n: int, h: int, w: int) -> Tensor:
    """Places within the map, on both of its edges, between its columns, and far outside."""
    near = torch.arange(w, dtype=torch.float64).expand(n, 1, h, w)
    change = torch.tensor([0.0, 0.25, -3.5, 7.75, -1e4, 1e9, w + 2.5, -2.0], dtype=torch.float64)
    return near + change[torch.arange(w) % len(change)]


@pytest.mark.parametrize("width", [1, 2, 9])
def test_window_is_torchs_own_linear_sampling_with_zeros_outside(width: int) -> None:
    rows, centre = torch.rand(40, width, dtype=torch.float64), torch.linspace(-6, 14, 40).double()[:, None]
    place = centre + torch.arange(-3, 4)
    grid = torch.stack([(2 * place + 1) / width - 1, torch.zeros_like(place)], dim=-1)[:, None]
    expected = F.grid_sample(rows[:, None, None], grid, align_corners=False)[:, 0, 0]
    torch.testing.assert_close(sample_window(rows, centre, 3), expected)


@pytest.mark.parametrize("in_memory", [True, False])
def test_scores_are_those_of_the_definition(in_memory: bool) -> None:
    left, right = maps(2, 5, 3, 17)
    correlation = AllPairsCorrelation(levels=3, radius=2, in_memory=in_memory)
    at = columns(2, 3, 17)
    found = correlation(left, right).look_up(at)
    assert found.shape == (2, correlation.channels, 3, 17)
    volume = torch.einsum("nchx,nchu->nhxu", left, right) / 5**0.5
    expected = []
    for level in range(3):
        expected.append(sample_window(volume, at[:, 0, :, :, None] / 2**level, 2))
        volume = (volume[..., 0:-1:2] + volume[..., 1::2]) / 2
    torch.testing.assert_close(found, torch.cat(expected, dim=-1).permute(0, 3, 1, 2))


@pytest.mark.parametrize("in_memory", [True, False])
def test_scores_of_half_precision_maps_do_not_overflow(in_memory: bool) -> None:
    """Products of 200 and 200 over 64 channels are beyond 65504, and so is a sum that float16 would hold."""
    left = right = torch.full((1, 64, 1, 8), 200.0, dtype=torch.float16, requires_grad=True)
    with torch.autocast("cpu", torch.float16):
        scores = AllPairsCorrelation(levels=2, radius=1, in_memory=in_memory)(left, right)
        found = scores.look_up(torch.full((1, 1, 1, 8), 3.5))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[0, 1], torch.full((1, 8), 200.0**2 * 64 / 64**0.5))
    (found / 1e6).sum().backward()
    assert torch.isfinite(left.grad).all()


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("wild", [float("nan"), float("inf"), float("-inf")])
def test_scores_at_no_number_are_finite_and_nothing_breaks(in_memory: bool, wild: float) -> None:
    scores = AllPairsCorrelation(levels=1, radius=1, in_memory=in_memory)(*maps(1, 4, 2, 6))
    assert torch.isfinite(scores.look_up(torch.full((1, 1, 2, 6), wild))).all()


def test_correlation_that_cannot_be_names_its_option() -> None:
    with pytest.raises(UserError, match=r"model\.correlation\.levels=0: expected a whole number"):
        AllPairsCorrelation(levels=0)
    with pytest.raises(ShapeError, match="7 columns cannot be halved 3 times; expected wider images"):
        AllPairsCorrelation(levels=4)(*maps(1, 4, 2, 7))


def test_unit_keeps_its_state_where_the_gate_is_shut_and_takes_the_candidate_where_it_is_open() -> None:
    state, given = (x.float() for x in maps(1, 4, 5, 6))
    unit, still = ConvGRU(4, 4), torch.zeros(1, 4, 5, 6)
    torch.testing.assert_close(unit(state, (still - 1e4, still, still), given), state)
    torch.testing.assert_close(unit(state, (still + 1e4, still, still + 1e4), given), still + 1)


def test_motion_features_end_with_the_estimate() -> None:
    estimate = torch.randn(1, 2, 4, 5)
    features = MotionEncoder(9, estimate=2, width=16)(torch.randn(1, 9, 4, 5), estimate)
    assert features.shape == (1, 16, 4, 5)
    assert torch.equal(features[:, -2:], estimate)


@pytest.mark.parametrize(
    ("levels", "slow_fast", "order"),
    [
        *((1, True, [0]), (2, False, [1, 0]), (2, True, [1, 1, 0])),
        *((3, False, [2, 1, 0]), (3, True, [2, 2, 1, 2, 1, 0])),
    ],
)
def test_levels_are_updated_coarse_to_fine_and_coarse_ones_more_often(
    levels: int, slow_fast: bool, order: list[int]
) -> None:
    update = MultiLevelUpdate(levels=levels, hidden=4, motion=6, slow_fast=slow_fast)
    ran: list[int] = []
    for level, unit in enumerate(update.units):
        unit.register_forward_hook(lambda *_, level=level: ran.append(level))
    sizes = [(8 // 2**level, 12 // 2**level) for level in range(levels)]
    states = [torch.randn(1, 4, *size) for size in sizes]
    before = [state.clone() for state in states]
    new = update(states, [(torch.zeros(1, 1, 1, 1),) * 3] * levels, torch.randn(1, 6, 8, 12))
    assert ran == order
    assert [tuple(state.shape[-2:]) for state in new] == sizes
    assert all(torch.equal(*pair) for pair in zip(states, before, strict=True))  # not written over
