from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.losses import StereoLoss, volume_cross_entropy


def test_smooth_l1_over_valid_pixels_only() -> None:
    truth, prediction = torch.rand(2, 1, 4, 6) * 20, torch.rand(2, 1, 4, 6) * 20
    valid = torch.rand(2, 1, 4, 6) > 0.5
    loss = StereoLoss(disparity_weights=(1.0,))([prediction], [], truth, valid)
    torch.testing.assert_close(loss, F.smooth_l1_loss(prediction[valid], truth[valid]))


def test_outputs_are_weighted() -> None:
    truth = torch.zeros(1, 1, 2, 2)
    valid = torch.ones_like(truth, dtype=torch.bool)
    outputs = [truth + 2.5, truth + 1.5]  # smooth-L1 of 2 and 1
    loss = StereoLoss(disparity_weights=(0.25, 1.0))(outputs, [], truth, valid)
    torch.testing.assert_close(loss, torch.tensor(0.25 * 2 + 1.0))


def test_no_valid_pixel_is_no_loss() -> None:
    truth = torch.zeros(1, 1, 4, 4)
    nothing = torch.zeros_like(truth, dtype=torch.bool)
    scores = torch.randn(1, 1, 3, 1, 1)
    assert StereoLoss((1.0,), (1.0,))([truth + 1], [scores], truth, nothing) == 0


def test_cross_entropy_by_hand() -> None:
    scores = torch.randn(1, 1, 6, 1, 1)
    truth = torch.full((1, 1, 4, 4), 9.0)  # 2.25 planes at stride 4
    log_p = scores[0, 0, :, 0, 0].log_softmax(0)
    expected = -(0.75 * log_p[2] + 0.25 * log_p[3])
    result = volume_cross_entropy(scores, truth, torch.ones_like(truth, dtype=torch.bool))
    torch.testing.assert_close(result, expected)


def test_cross_entropy_is_smallest_where_the_expectation_is_the_truth() -> None:
    truth = torch.full((1, 1, 4, 4), 9.0)
    scores = torch.zeros(1, 1, 6, 1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        volume_cross_entropy(scores, truth, torch.ones_like(truth, dtype=torch.bool)).backward()
        optimizer.step()
    expectation = (scores.softmax(2) * torch.arange(6.0).view(1, 1, 6, 1, 1)).sum() * 4
    assert abs(expectation.item() - 9.0) < 0.1


def test_truth_beyond_the_planes_does_not_count() -> None:
    scores = torch.randn(1, 1, 3, 1, 2)
    truth = torch.zeros(1, 1, 4, 8)
    truth[..., :4], truth[..., 4:] = 4.0, 50.0
    everything = torch.ones_like(truth, dtype=torch.bool)
    first = truth.clone() < 10
    assert volume_cross_entropy(scores, truth, everything) == volume_cross_entropy(scores, truth, first)


def test_first_volume_is_asked_for_what_both_views_see() -> None:
    truth = torch.full((1, 1, 4, 4), 4.0)
    valid = torch.ones_like(truth, dtype=torch.bool)
    raw, final = (
        torch.randn(1, 1, 4, 1, 1, requires_grad=True),
        torch.randn(1, 1, 4, 1, 1, requires_grad=True),
    )
    loss = StereoLoss((1.0,), (1.0, 1.0))([truth], [raw, final], truth, valid, noc=~valid)
    loss.backward()
    assert raw.grad.abs().sum() == 0
    assert final.grad.abs().sum() > 0


def test_weights_are_counted_from_the_last_output() -> None:
    truth = torch.zeros(1, 1, 4, 4)
    valid = torch.ones_like(truth, dtype=torch.bool)
    one_output = StereoLoss((0.2, 0.6, 2.0))([truth + 1.5], [], truth, valid)
    torch.testing.assert_close(one_output, torch.tensor(2.0))
    volumes = [torch.randn(1, 1, 4, 1, 1, requires_grad=True) for _ in range(3)]
    StereoLoss((1.0,), (0.5, 1.0))([truth], volumes, truth, valid).backward()
    assert [v.grad is not None for v in volumes] == [True, False, True]
    single = torch.randn(1, 1, 4, 1, 1)
    expected = 1.0 * volume_cross_entropy(single, truth, valid)
    torch.testing.assert_close(StereoLoss((1.0,), (0.5, 1.0))([truth], [single], truth, valid), expected)


def test_no_weight_is_an_error() -> None:
    with pytest.raises(UserError, match="disparity_weights"):
        StereoLoss(())
