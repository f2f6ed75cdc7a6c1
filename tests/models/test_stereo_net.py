from __future__ import annotations

from typing import Any

import pytest
import torch

from dsmnet import build_model
from dsmnet.errors import ShapeError, UserError


def views(height: int = 64, width: int = 96) -> torch.Tensor:
    return torch.randn(2, 2, 3, height, width, generator=torch.Generator().manual_seed(0))


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


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nope",), "nope"),
        (("tiny", "nope"), "nope"),
        (("tiny", "domain", ["model.widthz=[1]"]), "widthz"),
        (("tiny", "domain", ["model.widths=[8,8]"]), "widths"),
    ],
)
def test_unknown_names_are_named(arguments: tuple[Any, ...], named: str) -> None:
    with pytest.raises(UserError, match=named):
        build_model(*arguments)
