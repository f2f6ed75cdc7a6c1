"""The check that comes with every export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.errors import UserError
from dsmnet.export.parity import check_parity, write_parity
from dsmnet.types import Matcher

SIZES = [[64, 96], [50, 70]]


class Shifted(Matcher):
    """A predictor with an offset."""

    def __init__(self, network: Any, offset: float) -> None:
        self.network, self.offset = network, offset

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
        return self.network.predict(left, right, max_disparity) + np.float32(self.offset)


@pytest.mark.parametrize(("offset", "within"), [(0.01, True), (0.1, False), (float("nan"), False)])
def test_difference(network: Any, offset: float, within: bool) -> None:
    found = check_parity(network, Shifted(network, offset), SIZES, 32, 0.05)  # type: ignore[arg-type]
    assert [entry["size"] for entry in found] == SIZES
    assert [entry["within"] for entry in found] == [within] * 2
    np.testing.assert_allclose([entry["mean"] for entry in found], offset, rtol=1e-3)


def test_record(tmp_path: Path) -> None:
    found = [{"size": [9, 9], "mean": 0.5, "largest": 1.0, "within": False}]
    with pytest.raises(UserError, match=r"net.onnx: differs from torch by more than .*\[9, 9\]: 0.5 px"):
        write_parity(tmp_path / "parity.json", Path("net.onnx"), 0.05, found)
    record = json.loads((tmp_path / "parity.json").read_text())
    assert record == {"file": "net.onnx", "tolerance": 0.05, "sizes": found}


def test_no_sizes(network: Any) -> None:
    with pytest.raises(UserError, match=r"parity.sizes=\[\]"):
        check_parity(network, network, [], 32, 0.05)
