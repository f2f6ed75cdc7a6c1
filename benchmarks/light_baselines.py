"""Light networks from clones of their authors' code, with random weights: for time, memory and work."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.baselines import clone_on_path, on_device, settle
from dsmnet.errors import UserError
from dsmnet.inference.predictor import AnyImage, to_tensor
from dsmnet.types import DisparityMap, Matcher

_DIVISOR = 32  # of height and width, for all three
_ITERATIONS = 8  # of RT-IGEV, the default of its evaluation


def _coex(folder: Path, max_disparity: int) -> nn.Module:
    config: Any = OmegaConf.to_container(OmegaConf.load(folder / "configs" / "stereo" / "cfg_coex.yaml"))
    stereo = config["model"]["stereo"]
    stereo["max_disparity"] = max_disparity
    stereo["backbone"].update(OmegaConf.to_container(OmegaConf.load(folder / "configs" / "backbone.yaml")))
    net: nn.Module = importlib.import_module("models.stereo.CoEx").CoEx(stereo)
    return net


def _lightstereo(folder: Path, max_disparity: int) -> nn.Module:
    # The package imports every network of the collection, and what each needs: only its folder is made known.
    package = types.ModuleType("stereo.modeling")
    package.__path__ = [str(folder / "stereo" / "modeling")]
    sys.modules["stereo.modeling"] = package
    config: Any = OmegaConf.load(folder / "cfgs" / "lightstereo" / "lightstereo_s_sceneflow.yaml")
    config.MODEL.MAX_DISP = max_disparity
    module = importlib.import_module("stereo.modeling.models.lightstereo.lightstereo")
    net: nn.Module = module.LightStereo(config.MODEL)
    return net


def _rt_igev(folder: Path, max_disparity: int) -> nn.Module:
    options = types.SimpleNamespace(  # defaults of their evaluate_stereo_rt.py
        hidden_dim=96,
        corr_levels=2,
        corr_radius=4,
        n_downsample=2,
        n_gru_layers=3,
        max_disp=max_disparity,
        mixed_precision=False,
        precision_dtype="float32",
    )
    net: nn.Module = importlib.import_module("core_rt.rt_igev_stereo").IGEVStereo(options)
    return net


@dataclass(frozen=True)
class _Light:
    """How one of them is found, built and run."""

    address: str
    package: str  # that its code imports itself by
    build: Callable[[Path, int], nn.Module]
    run: Callable[[nn.Module, Tensor, Tensor], Any]  # views of 0 to 255


LIGHT = {
    "lightstereo_s": _Light(
        "https://github.com/XiandaGuo/OpenStereo",
        "stereo",
        _lightstereo,
        lambda net, left, right: net({"left": left / 255, "right": right / 255})["disp_pred"],
    ),
    "coex": _Light(
        "https://github.com/antabangun/coex",
        "models",
        _coex,
        lambda net, left, right: net(left / 255, right / 255)[0],
    ),
    "rt_igev": _Light(
        "https://github.com/gangweiX/IGEV-plusplus",
        "core_rt",
        _rt_igev,
        lambda net, left, right: net(left, right, iters=_ITERATIONS, test_mode=True),
    ),
}


class LightBaseline(nn.Module, Matcher):
    """A light network of others, random weights, float32, built and run as their code says.

    Args:
        name: Key of `LIGHT`.
        folder: Clone of its repository.
        max_disparity: Search range in pixels; theirs is fixed when they are built.
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: The folder is not such a clone, or what its code imports is not installed.
    """

    def __init__(self, name: str, folder: str, max_disparity: int, device: str = "cpu") -> None:
        super().__init__()
        self.light, self.place = LIGHT[name], device
        option = f"baselines.{name}={folder}"
        expected = f"{option}: expected a clone of {self.light.address}"
        if importlib.util.find_spec("timm") is None:
            raise UserError(f"{option}: it needs timm, which is not installed; pip install timm")
        torch.manual_seed(0)
        try:
            with clone_on_path(Path(folder), self.light.package), _untrained_backbones():
                self.net = self.light.build(Path(folder).resolve(), max_disparity).to(device)
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing == self.light.package:
                raise UserError(f"{expected} ({error})") from error
            raise UserError(f"{option}: its code imports {missing}, which is not installed") from error
        except (ImportError, AttributeError, KeyError, OSError, SyntaxError) as error:
            raise UserError(f"{expected} ({error})") from error
        views = 255 * torch.rand(2, 3, 256, 512, generator=torch.Generator().manual_seed(0))
        settle(self.net, lambda: self._run(views.to(device)))
        self.eval()

    def predict(self, left: AnyImage, right: AnyImage, max_disparity: int | None = None) -> DisparityMap:
        """Match a pair of any size in the search range that it was built with; see `Matcher`."""
        views = 255 * torch.stack([to_tensor(left), to_tensor(right)]).to(self.place)
        height, width = views.shape[-2:]
        below, beside = -height % _DIVISOR, -width % _DIVISOR
        with torch.inference_mode():
            disparity = self._run(F.pad(views, (0, beside, 0, below), mode="replicate"))
        return disparity.reshape(height + below, width + beside)[:height, :width].cpu().numpy()

    def _run(self, views: Tensor) -> Tensor:
        with on_device(self.place), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that torch has renamed since
            out: Tensor = self.light.run(self.net, views[:1], views[1:])
        return out


@contextlib.contextmanager
def _untrained_backbones() -> Iterator[None]:
    """Let timm build backbones without fetching their weights, and with the layers of its early releases."""
    timm: Any = importlib.import_module("timm")
    create = timm.create_model

    def create_untrained(name: str, **options: Any) -> nn.Module:
        model: nn.Module = create(name, **{**options, "pretrained": False})
        if not hasattr(model, "act1"):
            model.act1 = nn.Identity()  # later releases activate in bn1
        return model

    timm.create_model = create_untrained
    try:
        yield
    finally:
        timm.create_model = create
