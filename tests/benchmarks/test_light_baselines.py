"""Light networks of others are built from clones; small ones are written here in their places, timm too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.backends import cases
from benchmarks.compare import compare
from benchmarks.light_baselines import LightBaseline
from dsmnet.errors import UserError

TIMM = """
import torch
from torch import nn
asked = []

def create_model(name, pretrained=True, features_only=False):
    asked.append((name, pretrained))
    model = nn.Module()
    model.conv_stem = nn.Conv2d(3, 4, 3, stride=4, padding=1)
    model.bn1 = nn.BatchNorm2d(4)
    return model
"""
# What all three have in common: a backbone of timm whose weights are fetched, tensors that are put on a GPU.
NETWORK = """
import timm, torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, planes):
        super().__init__()
        model = timm.create_model('mobilenetv2_100', pretrained=True, features_only=True)
        self.stem, self.norm, self.act, self.planes = model.conv_stem, model.bn1, model.act1, planes

    def match(self, left, right):
        assert LARGEST / 2 < right.max() <= LARGEST
        assert left.shape[-2] % 32 == left.shape[-1] % 32 == 0
        a, b = (self.act(self.norm(self.stem(view))) for view in (left, right))
        volume = torch.zeros(1, self.planes, *a.shape[-2:], device='cuda')
        volume[:, 0] = (a * b).mean(1)
        return F.interpolate(volume.softmax(1)[:, :1].cuda(), scale_factor=4)
"""
CLONES: dict[str, dict[str, str]] = {
    "coex": {
        "models/stereo/CoEx.py": NETWORK.replace("LARGEST", "1.001")
        + """
class CoEx(Net):
    def __init__(self, cfg):
        super().__init__(cfg['max_disparity'] // 4)
        assert cfg['backbone']['channels'] == [16, 24]

    def forward(self, left, right, training=False):
        return [self.match(left, right).squeeze(1)]
""",
        "models/__init__.py": "",
        "models/stereo/__init__.py": "",
        "configs/stereo/cfg_coex.yaml": "model: {stereo: {max_disparity: 8, backbone: {type: a}}}",
        "configs/backbone.yaml": "channels: [16, 24]",
    },
    "lightstereo_s": {
        "stereo/modeling/models/lightstereo/lightstereo.py": NETWORK.replace("LARGEST", "1.001")
        + """
class LightStereo(Net):
    def __init__(self, cfgs):
        super().__init__(cfgs.MAX_DISP // 4)
        assert cfgs.get('BACKBONE', 'MobileNetv2') == 'MobileNetv2'

    def forward(self, data):
        return {'disp_pred': self.match(data['left'], data['right'])}
""",
        "stereo/__init__.py": "",
        "stereo/modeling/__init__.py": "import something_that_all_the_other_networks_need",
        "cfgs/lightstereo/lightstereo_s_sceneflow.yaml": "MODEL: {MAX_DISP: 8}",
    },
    "rt_igev": {
        "core_rt/rt_igev_stereo.py": NETWORK.replace("LARGEST", "255")
        + """
class IGEVStereo(Net):
    def __init__(self, args):
        super().__init__(args.max_disp // 4)

    def forward(self, left, right, iters=12, test_mode=False):
        assert test_mode and iters == 8
        return self.match(left, right)
""",
    },
}


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clone of each network, and timm on the path."""
    files = {f"{name}/{file}": text for name, clone in CLONES.items() for file, text in clone.items()}
    for file, text in {"site/timm.py": TIMM, **files}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", CLONES)
def test_clone_is_built_without_weights_and_predicts_any_size(clones: Path, name: str) -> None:
    cuda, zeros = torch.Tensor.cuda, torch.zeros
    matcher = LightBaseline(name, str(clones / name), 32)
    timm: Any = sys.modules["timm"]
    assert timm.asked == [("mobilenetv2_100", False)]
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    disparity = matcher.predict(image, image)
    assert (disparity.shape, disparity.dtype) == ((50, 70), np.float32)
    assert disparity.std() > 0
    assert matcher.net.norm.running_mean.abs().max() > 0  # random weights on numbers of their usual size
    assert not matcher.net.training
    assert (torch.Tensor.cuda, torch.zeros) == (cuda, zeros)
    assert timm.create_model.__name__ == "create_model"
    package = next(iter(CLONES[name])).split("/")[0]
    assert package not in sys.modules
    assert str(clones / name) not in sys.path


def test_clone_stands_in_the_table_of_backends(clones: Path) -> None:
    part = {
        "networks": [],
        "backends": [],
        "modes": [],
        "baselines": {"coex": str(clones / "coex"), "rt_igev": None},
        "size": [48, 80],
        "large": [48, 80],
        "max_disparity": 16,
        "mode": "hh",
        "targets": {},
        "large_target": 1.0,
        "memory_bound": 1.0,
    }
    (case,) = cases(lambda *_, **__: pytest.fail("no network of ours"), **part, device="cpu")
    network = case.network
    assert network is not None
    assert (network.name, network.backend, network.memory_bound) == ("coex", "torch float32", None)
    assert network.parameters == 4 * 27 + 4 + 2 * 4
    assert network.multiply_adds == 2 * 4 * 27 * (64 // 4) * (96 // 4)
    found = compare(case, repeats=1)
    assert found.seconds > 0
    assert found.memory is not None
    assert found.reference_memory is None


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda clone: (clone / "models/stereo/CoEx.py").unlink(), "expected a clone of .*coex .No module"),
        (lambda clone: (clone / "configs/backbone.yaml").unlink(), "expected a clone of .*backbone.yaml"),
        (lambda clone: (clone / "models/stereo/CoEx.py").write_text("import nowhere_to_be_found"),
         "its code imports nowhere_to_be_found, which is not installed"),
        (lambda clone: (clone / "models/stereo/CoEx.py").write_text(""), "no attribute 'CoEx'"),
        (lambda clone: (clone.parent / "site/timm.py").unlink(), "it needs timm, which is not installed"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_one_line(clones: Path, break_it: Any, message: str) -> None:
    break_it(clones / "coex")
    with pytest.raises(UserError, match=rf"^baselines\.coex=.*: .*{message}") as refused:
        LightBaseline("coex", str(clones / "coex"), 32)
    assert "\n" not in str(refused.value)


def test_folder_that_is_not_there(clones: Path) -> None:
    for name in CLONES:
        with pytest.raises(UserError, match=rf"^baselines\.{name}=nowhere: expected a clone of https"):
            LightBaseline(name, "nowhere", 32)
