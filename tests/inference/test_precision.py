"""Predictions in bfloat16: where they are chosen, and that the refinement keeps float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.config import compose, instantiate
from dsmnet.errors import UserError
from dsmnet.inference.precision import choose_precision

NATIVE, OLDER = {"avx512_bf16": True}, {"avx512_bf16": False, "avx2": True}
CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("precision", "network", "device", "capabilities", "bfloat16"),
    [
        ("auto", "tiny", CPU, NATIVE, True),
        ("auto", "tiny", CPU, {"amx_bf16": True}, True),
        ("auto", "tiny", CPU, OLDER, False),
        ("auto", "tiny", GPU, NATIVE, False),
        ("auto", "psmnet", CPU, NATIVE, False),  # not measured
        ("float32", "tiny", CPU, NATIVE, False),
        ("bfloat16", "psmnet", GPU, OLDER, True),
    ],
)
def test_choose_precision_takes_bfloat16_where_it_pays(
    precision: str,
    network: str,
    device: torch.device,
    capabilities: dict[str, bool],
    bfloat16: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    chosen = choose_precision(precision, build_model(network).net, device)
    assert chosen == (torch.bfloat16 if bfloat16 else torch.float32)


@pytest.mark.parametrize(("capabilities", "warned"), [(OLDER, True), (NATIVE, False), ({}, False)])
@pytest.mark.parametrize("half", ["precision=bfloat16", "trainer.precision=bf16-mixed"])
def test_half_precision_that_is_emulated_is_told(
    half: str,
    capabilities: dict[str, bool],
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    if half == "precision=bfloat16":
        load_model(precision="bfloat16")
    else:
        cfg = compose("train", ["trainer=cpu", half])
        instantiate(cfg.trainer, output=tmp_path, callbacks={}, loggers={}, epoch_steps=4)
    told = f"{half}: this processor has no instructions for bfloat16; "
    assert (told in caplog.text) == warned


def test_prediction_in_bfloat16_refines_in_float32() -> None:
    predictor = build_model("tiny")
    seen: list[torch.dtype] = []

    def see(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        seen.append(given[0].dtype)

    predictor.net.backbone.out.register_forward_pre_hook(see)
    predictor.net.refinement.at_half.correct.register_forward_pre_hook(see)
    left, right = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
    exact = predictor.predict(left, right, 32)
    assert set(seen) == {torch.float32}
    seen.clear()
    predictor.dtype = torch.bfloat16
    half = predictor.predict(left, right, 32)
    assert seen == [torch.bfloat16, torch.float32]
    assert half.dtype == np.float32
    assert 0 < np.abs(half - exact).mean() < 0.5


def test_precision_that_is_unknown_or_not_to_be_had_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="precision=half: expected auto, float32 or bfloat16"):
        load_model(precision="half")
    with pytest.raises(UserError, match="precision=bfloat16: backend=openvino has its own"):
        load_model(backend="openvino", precision="bfloat16")
    with pytest.raises(UserError, match=r"precision=bfloat16: checkpoint=.*mine\.onnx has its own"):
        load_model(tmp_path / "mine.onnx", precision="bfloat16")
