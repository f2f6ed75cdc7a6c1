"""Which forward passes are recorded, replayed, dropped and never recorded; on the CPU, without a graph."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dsmnet import build_model, load_model
from dsmnet.inference import StereoPredictor
from dsmnet.inference.cuda_graphs import CudaGraphs


class Recorder:
    """Counts recordings; a replay computes once more, on the weights of the recording."""

    def __init__(self) -> None:
        self.widths: list[int] = []
        self.replays = 0
        self.beside: list[Any] = []

    def __call__(self, forward: Callable[..., Any], left: Tensor, right: Tensor, beside: Any) -> Any:
        self.widths.append(left.shape[-1])
        self.beside.append(beside)

        def replay(left: Tensor, right: Tensor) -> Any:
            self.replays += 1
            return forward(left, right)

        return replay


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def runner(recorder: Any, limit: int = 4) -> tuple[nn.Module, Callable[..., Any]]:
    net, graphs = nn.Conv2d(3, 1, 1), CudaGraphs(limit, recorder, "cpu")

    def run(width: int, key: str = "") -> Any:
        views = torch.ones(2, 1, 3, 4, width)
        return graphs.run(net, lambda left, right: net(left) - 2 * net(right), key, views[0], views[1])

    return net, run


def test_pass_runs_as_it_is_then_is_recorded_then_replayed(recorder: Recorder) -> None:
    net, run = runner(recorder)
    for replays in (0, 0, 1):
        assert recorder.replays == replays
        torch.testing.assert_close(run(8), -net(torch.ones(1, 3, 4, 8)))
    assert recorder.widths == [8]


def test_each_size_and_key_has_a_recording_of_its_own(recorder: Recorder) -> None:
    _, run = runner(recorder)
    for _ in range(3):
        run(8), run(9), run(8, "another range")
    assert recorder.widths == [8, 9, 8]
    assert recorder.replays == 6
    assert recorder.beside[0] is None
    assert None not in recorder.beside[1:]  # memory is shared with one that is there


def test_least_recently_used_recording_is_dropped(recorder: Recorder) -> None:
    _, run = runner(recorder, limit=2)
    for width in (8, 8, 9, 9, 8, 10, 10):
        run(width)
    assert recorder.widths == [8, 9, 10]
    run(8)
    assert recorder.widths == [8, 9, 10]
    run(9)  # dropped: as it is first
    assert (recorder.widths, recorder.replays) == ([8, 9, 10], 5)
    run(9)
    assert recorder.widths == [8, 9, 10, 9]


def test_replaced_or_moved_weights_drop_recordings_and_changed_values_do_not(recorder: Recorder) -> None:
    net, run = runner(recorder)
    run(8), run(8)
    state = {name: torch.zeros_like(tensor) for name, tensor in net.state_dict().items()}
    net.load_state_dict(state)
    assert not run(8).any()
    assert (len(recorder.widths), recorder.replays) == (1, 2)
    net.load_state_dict({name: tensor + 1 for name, tensor in state.items()}, assign=True)
    assert run(8).unique() == -4
    assert recorder.replays == 2
    run(8)
    assert len(recorder.widths) == 2
    net.double().float()
    run(8)
    assert recorder.replays == 3


def test_network_with_hooks_is_not_recorded(recorder: Recorder) -> None:
    net, run = runner(recorder)
    seen: list[int] = []
    run(8), run(8)
    handle = net.register_forward_hook(lambda *_: seen.append(1))
    run(8), run(8)
    assert (len(seen), recorder.replays) == (4, 1)
    handle.remove()
    run(8)
    assert recorder.replays == 2


@pytest.mark.parametrize(
    "error", [RuntimeError("not permitted when stream is capturing"), torch.OutOfMemoryError()]
)
def test_failed_recording_is_told_once_and_turns_graphs_off(
    error: RuntimeError, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def fail(*_: Any) -> Any:
        calls.append(1)
        raise error

    net, run = runner(fail)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            torch.testing.assert_close(run(8), -net(torch.ones(1, 3, 4, 8)))
    assert len(calls) == 1
    assert len(caplog.records) == 1
    assert "CUDA graphs are off" in caplog.text


def test_copies_have_no_recordings(recorder: Recorder) -> None:
    graphs = CudaGraphs(3, print, "cpu")
    graphs.enabled = False
    graphs._recorded["key"] = graphs._lock  # neither can be copied
    for other in (copy.deepcopy(graphs), pickle.loads(pickle.dumps(graphs))):
        assert (other.limit, other.record, other.device, other.enabled) == (3, print, "cpu", False)
        assert not other._recorded


def predict(predictor: StereoPredictor, width: int = 96, max_disparity: int = 32) -> Any:
    left, right = np.random.default_rng(0).integers(0, 256, (2, 64, width, 3), np.uint8)
    return predictor.predict(left, right, max_disparity)


def test_predictions_are_recorded_by_size_range_and_precision(recorder: Recorder) -> None:
    predictor = build_model("tiny")
    first = predict(predictor)
    predictor.cuda_graphs = CudaGraphs(8, recorder, "cpu")
    for _ in range(3):
        assert np.array_equal(predict(predictor), first)
        predict(predictor, 128), predict(predictor, 96, 64)
    predictor.dtype = torch.bfloat16
    predict(predictor), predict(predictor)
    assert recorder.widths == [96, 128, 96, 96]
    assert recorder.replays == 7
    predictor.cuda_graphs.enabled = False
    predict(predictor)
    assert recorder.replays == 7


def test_sharpness_is_recorded_apart_from_disparity(recorder: Recorder) -> None:
    predictor = build_model("tiny")
    predictor.cuda_graphs = CudaGraphs(8, recorder, "cpu")
    image = np.zeros((64, 96, 3), np.uint8)
    for _ in range(2):
        predictor.predict(image, image, 32)
        predictor.predict_with_sharpness(image, image, 32)
    assert recorder.replays == len(recorder.widths) == 2


def test_cpu_records_nothing(recorder: Recorder) -> None:
    predictor = build_model("tiny")
    predictor.cuda_graphs.record = recorder
    for _ in range(3):
        predict(predictor)
    assert not recorder.widths


def test_keyword_turns_graphs_off() -> None:
    assert load_model(device="cpu").cuda_graphs.enabled
    assert not load_model(device="cpu", cuda_graphs=False).cuda_graphs.enabled
