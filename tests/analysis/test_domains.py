"""A network on domains whose difference is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from dsmnet import build_model
from dsmnet.analysis import Sampling, analyze, network_labels
from dsmnet.errors import UserError
from dsmnet.inference import StereoPredictor
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import StereoSample

SMALL = Sampling(images=4, batches=8, batch_size=2, crop=(64, 96))
IDEAL: dict[str, Any] = {
    name: {"probability": 0.0} for name in ("gain", "gamma", "grey", "noise", "clipping")
}


class Changed(Dataset[StereoSample]):
    """Scenes seen by a camera of less contrast."""

    def __init__(self, contrast: float = 1.0, count: int = 4) -> None:
        self.scenes = SyntheticStereo(size=(70, 110), largest_disparity=32, length=count, camera=IDEAL)
        self.contrast = contrast

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> StereoSample:
        sample = self.scenes[index]
        for view in ("left", "right"):
            sample[view] = (sample[view] * self.contrast).astype(np.uint8)  # type: ignore[literal-required]
        return sample


def network(norm: str) -> StereoPredictor:
    torch.manual_seed(0)
    nothing = "{_target_: torch.nn.Identity}"  # contrast is a factor, up to the borders of the maps
    net = build_model("tiny", norm=norm, overrides=["~model.normalize", f"+model.normalize={nothing}"])
    if norm == "batch":  # statistics of the first domain, as after training on it
        net.net.train()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        for index in range(4):
            sample = Changed()[index]
            view = torch.from_numpy(sample["left"]).permute(2, 0, 1)[None].float() / 255
            net.net.backbone(net.net.normalize(torch.nn.functional.interpolate(view, size=(64, 96))))
    return net


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    domains = {"source": Changed(), "same": Changed(), "dim": Changed(contrast=0.15)}
    return {
        norm: analyze(network(norm), domains, SMALL, progress=False)
        for norm in ("batch", "instance", "domain")
    }


def means(result: dict[str, Any], domain: str) -> list[float]:
    return [layer[domain]["mean"] for layer in result["divergence"].values()]


def test_the_same_domain_is_at_no_distance(found):
    for result in found.values():
        assert result["wasserstein"]["source-same"] == 0
        assert means(result, "same") == pytest.approx([0] * len(result["divergence"]), abs=1e-6)


def test_instance_statistics_take_contrast_away_and_batch_statistics_do_not(found):
    for norm in ("instance", "domain"):
        assert found[norm]["wasserstein"]["source-dim"] < 0.1 * found["batch"]["wasserstein"]["source-dim"]
        assert max(means(found[norm], "dim")) < 0.1 * np.mean(means(found["batch"], "dim"))


def test_layers_run_from_shallow_to_deep(found):
    layers = list(found["batch"]["divergence"])
    assert layers[:3] == ["stem.0", "stem.1", "down.0.0"]
    assert layers == list(found["domain"]["divergence"])
    channels = found["batch"]["divergence"]["stem.0"]["dim"]["channels"]
    assert len(channels) == 8
    assert np.mean(channels) == pytest.approx(found["batch"]["divergence"]["stem.0"]["dim"]["mean"], rel=1e-3)


def test_distributions_are_in_units_of_the_first_domain(found):
    for result in found.values():
        source = result["norms"]["source"]
        assert source["quartiles"][1] == pytest.approx(1, rel=1e-4)
        histogram = source["histogram"]
        width = (histogram["to"] - histogram["from"]) / len(histogram["density"])
        assert sum(histogram["density"]) * width == pytest.approx(1, abs=0.01)


def test_the_classifier_sees_what_contrast_does_to_the_first_convolution(found):
    """Norm inputs of the first layer are the same whatever the norm; two of the domains are alike."""
    for result in found.values():
        told = result["domain_classifier"]
        assert told["domains"] == ["source", "same", "dim"]
        assert told["chance"] == pytest.approx(1 / 3)
        assert told["accuracy"].keys() >= {"stem.0", "down.0.1.conv1", "down.0.1.conv2"}
    first = {result["domain_classifier"]["accuracy"]["stem.0"] for result in found.values()}
    assert len(first) == 1
    assert 0.5 < first.pop() < 0.9


def test_the_result_is_json_without_nan(found):
    json.dumps(found, allow_nan=False)


def test_a_domain_of_one_pair_is_left_out_of_the_classifier_alone():
    domains = {"source": Changed(), "dim": Changed(0.5), "single": Changed(count=1)}
    result = analyze(network("domain"), domains, SMALL, progress=False)
    assert result["domain_classifier"]["left_out"] == ["single"]
    assert result["domain_classifier"]["chance"] == 0.5
    assert "single" in result["norms"]
    alone = analyze(network("domain"), {"a": Changed(count=1), "b": Changed(count=1)}, SMALL, progress=False)
    assert alone["domain_classifier"]["accuracy"] == {}


def test_mistakes():
    with pytest.raises(UserError, match=r"domains=\['a'\]: expected at least two"):
        analyze(network("domain"), {"a": Changed()}, SMALL, progress=False)
    with pytest.raises(UserError, match=r"crop=\[128, 256\]: larger than an image of \[70, 110\]"):
        analyze(network("domain"), {"a": Changed(), "b": Changed()}, progress=False)
    with pytest.raises(UserError, match=r"sampling\.batches=1: expected a whole number of at least 4"):
        Sampling(batches=1)
    with pytest.raises(UserError, match=r"sampling.crop=\[32, 64\]"):
        Sampling(crop=(32, 64))


def test_labels_are_norms_unless_two_are_the_same():
    configs = [{"norm": "batch"}, {"norm": "domain"}, {"norm": "batch"}, {"norm": "batch", "adapted": {}}]
    assert network_labels(configs, ["a", "b", "c", "d"]) == [
        "batch (a)",
        "domain",
        "batch (c)",
        "batch + AdaBN",
    ]
