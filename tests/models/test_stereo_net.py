from __future__ import annotations

import pytest
import torch

from dsmnet import build_model
from dsmnet.errors import ShapeError, UserError


def views(height: int = 64, width: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, height, width, generator=generator), torch.randn(
        2, 3, height, width, generator=generator
    )


def test_training_returns_all_outputs_and_evaluation_the_last() -> None:
    net = build_model("tiny").net
    left, right = views()
    outputs = net.train()(left, right)
    assert [tuple(o.shape) for o in outputs] == [(2, 1, 64, 96)] * 3
    final = net.eval()(left, right)
    assert [tuple(o.shape) for o in final] == [(2, 1, 64, 96)]


def test_search_range_is_chosen_at_run_time() -> None:
    net = build_model("tiny").net.train()
    assert net.match(*views(), max_disparity=32).logits[-1].shape[2] == 8
    assert net.match(*views(), max_disparity=50).logits[-1].shape[2] == 13
    assert net.match(*views()).logits[-1].shape[2] == 16


@pytest.mark.parametrize("model", ["tiny", "dsmnet_lite"])
def test_every_parameter_learns(model: str) -> None:
    torch.manual_seed(0)
    net = build_model(model).net.train()
    for parameter in net.parameters():  # what starts at zero passes no gradient on in the first step
        torch.nn.init.normal_(parameter, std=0.05)
    left, right = views()
    output = net.match(left, right, 32)
    (
        sum(d.mean() for d in output.disparities)
        + sum((s * torch.randn_like(s)).mean() for s in output.logits)
    ).backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or p.grad.abs().sum() == 0]
    assert silent == []


def test_lite_has_about_a_million_parameters() -> None:
    assert sum(p.numel() for p in build_model("dsmnet_lite").parameters()) == 929_735


@pytest.mark.parametrize("volume", ["groupwise", "concat", "difference"])
@pytest.mark.parametrize("aggregation", ["plain", "semi_global", "semi_global_half"])
def test_slots_are_exchangeable(volume: str, aggregation: str) -> None:
    overrides = [f"model/volume={volume}", f"model/aggregation={aggregation}"]
    net = build_model("tiny", overrides=overrides).net
    assert torch.isfinite(net(*views(), 32)[-1]).all()


def test_identical_views_start_near_zero_disparity() -> None:
    torch.manual_seed(0)
    net = build_model("dsmnet_lite").net.eval()
    left, _ = views(128, 256)
    with torch.no_grad():
        assert net(left, left, 96)[-1].median().abs() < 2


def test_shapes_are_checked_with_both_printed() -> None:
    net = build_model("tiny").net
    left, right = views()
    with pytest.raises(ShapeError, match=r"\(2, 3, 64, 96\).*\(2, 3, 64, 88\)"):
        net(left, right[..., :88])
    with pytest.raises(ShapeError, match="multiples of 8"):
        net(left[..., :60, :], right[..., :60, :])


def test_unknown_names_are_named() -> None:
    with pytest.raises(UserError, match="nope"):
        build_model("nope")
    with pytest.raises(UserError, match="nope"):
        build_model("tiny", norm="nope")
    with pytest.raises(UserError, match="widthz"):
        build_model("tiny", overrides=["model.widthz=[1]"])
    with pytest.raises(UserError, match="widths"):
        build_model("tiny", overrides=["model.widths=[8,8]"])
