from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.losses import StereoLoss, volume_cross_entropy


def test_smooth_l1_over_valid_pixels_only() -> None:
    target, prediction = torch.rand(2, 1, 4, 6) * 20, torch.rand(2, 1, 4, 6) * 20
    valid = torch.rand(2, 1, 4, 6) > 0.5
    loss = StereoLoss(disparity_weights=(1.0,))([prediction], [], target, valid)
    torch.testing.assert_close(loss, F.smooth_l1_loss(prediction[valid], target[valid]))


def test_outputs_are_weighted() -> None:
    target = torch.zeros(1, 1, 2, 2)
    valid = torch.ones_like(target, dtype=torch.bool)
    outputs = [target + 2.5, target + 1.5]  # smooth-L1 of 2 and 1
    loss = StereoLoss(disparity_weights=(0.25, 1.0))(outputs, [], target, valid)
    torch.testing.assert_close(loss, torch.tensor(0.25 * 2 + 1.0))


def test_an_error_beyond_the_clamp_counts_as_much_as_it_and_has_no_gradient() -> None:
    target = torch.zeros(1, 1, 1, 4)
    output = torch.tensor([[[[2.0, -9.0, 11.0, -500.0]]]], requires_grad=True)
    loss = StereoLoss((1.0,), clamp=10.0)([output], [], target, torch.ones_like(target, dtype=torch.bool))
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor((1.5 + 8.5 + 9.5 + 9.5) / 4))
    torch.testing.assert_close(output.grad, torch.tensor([[[[0.25, -0.25, 0.0, 0.0]]]]))


@pytest.mark.parametrize("clamp", [0.0, 1.0, -3.0, float("inf"), float("nan")])
def test_a_clamp_within_the_square_part_or_without_an_end_is_refused(clamp: float) -> None:
    with pytest.raises(UserError, match=r"loss.clamp=.*: expected null, or a finite number above loss.beta="):
        StereoLoss(clamp=clamp)


@pytest.mark.parametrize("occluded", [0.0, 0.5])
def test_pixels_that_one_view_sees_weigh_less(occluded: float) -> None:
    target = torch.full((1, 1, 4, 4), 9.0)
    valid = torch.ones_like(target, dtype=torch.bool)
    noc = valid.clone()
    noc[..., 2:] = False
    off, scores = torch.where(noc, 1.5, 5.5), torch.randn(1, 1, 6, 1, 1)  # smooth-L1 of 1 and 5
    found = StereoLoss((1.0,), occluded=occluded)([target + off], [], target, valid, noc)
    torch.testing.assert_close(found, torch.tensor((1 + 5 * occluded) / (1 + occluded)))
    loss = StereoLoss((1.0,), (1.0,), occluded=occluded)
    assert loss([], [scores], target, valid, ~valid) == occluded * loss([], [scores], target, valid, valid)
    unknown = StereoLoss((1.0,), occluded=occluded)([target + off], [], target, valid)
    torch.testing.assert_close(unknown, torch.tensor(3.0))


def test_an_impossible_weight_of_occluded_pixels_is_refused() -> None:
    with pytest.raises(UserError, match=r"loss\.occluded=1\.5: expected"):
        StereoLoss(occluded=1.5)


def test_no_valid_pixel_is_no_loss() -> None:
    target = torch.zeros(1, 1, 4, 4)
    nothing = torch.zeros_like(target, dtype=torch.bool)
    scores = torch.randn(1, 1, 3, 1, 1)
    assert StereoLoss((1.0,), (1.0,))([target + 1], [scores], target, nothing) == 0


def test_cross_entropy_by_hand() -> None:
    scores = torch.randn(1, 1, 6, 1, 1)
    target = torch.full((1, 1, 4, 4), 9.0)  # 2.25 planes at stride 4
    log_p = scores[0, 0, :, 0, 0].log_softmax(0)
    expected = -(0.75 * log_p[2] + 0.25 * log_p[3])
    result = volume_cross_entropy(scores, target, torch.ones_like(target, dtype=torch.bool))
    torch.testing.assert_close(result, expected)


def test_cross_entropy_is_smallest_where_the_expectation_is_the_ground_truth() -> None:
    target = torch.full((1, 1, 4, 4), 9.0)
    scores = torch.zeros(1, 1, 6, 1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        volume_cross_entropy(scores, target, torch.ones_like(target, dtype=torch.bool)).backward()
        optimizer.step()
    expectation = (scores.softmax(2) * torch.arange(6.0).view(1, 1, 6, 1, 1)).sum() * 4
    assert abs(expectation.item() - 9.0) < 0.1


def test_ground_truth_beyond_the_planes_does_not_count() -> None:
    scores = torch.randn(1, 1, 3, 1, 2)
    target = torch.zeros(1, 1, 4, 8)
    target[..., :4], target[..., 4:] = 4.0, 50.0
    everything = torch.ones_like(target, dtype=torch.bool)
    first = target.clone() < 10
    assert volume_cross_entropy(scores, target, everything) == volume_cross_entropy(scores, target, first)


def test_first_volume_is_asked_for_what_both_views_see() -> None:
    target = torch.full((1, 1, 4, 4), 4.0)
    valid = torch.ones_like(target, dtype=torch.bool)
    raw, final = (
        torch.randn(1, 1, 4, 1, 1, requires_grad=True),
        torch.randn(1, 1, 4, 1, 1, requires_grad=True),
    )
    loss = StereoLoss((1.0,), (1.0, 1.0))([target], [raw, final], target, valid, noc=~valid)
    loss.backward()
    assert raw.grad.abs().sum() == 0
    assert final.grad.abs().sum() > 0


def test_weights_are_counted_from_the_last_output() -> None:
    target = torch.zeros(1, 1, 4, 4)
    valid = torch.ones_like(target, dtype=torch.bool)
    one_output = StereoLoss((0.2, 0.6, 2.0))([target + 1.5], [], target, valid)
    torch.testing.assert_close(one_output, torch.tensor(2.0))
    volumes = [torch.randn(1, 1, 4, 1, 1, requires_grad=True) for _ in range(3)]
    StereoLoss((1.0,), (0.5, 1.0))([target], volumes, target, valid).backward()
    assert [v.grad is not None for v in volumes] == [True, False, True]
    single = torch.randn(1, 1, 4, 1, 1)
    expected = 1.0 * volume_cross_entropy(single, target, valid)
    torch.testing.assert_close(StereoLoss((1.0,), (0.5, 1.0))([target], [single], target, valid), expected)


def test_no_weight_is_an_error() -> None:
    with pytest.raises(UserError, match="disparity_weights"):
        StereoLoss(())
