"""PSMNet and GwcNet beside the authors' code, run from the user's own clone: same weights, same views."""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.compare import Case
from dsmnet.config import compose, instantiate
from dsmnet.errors import UserError
from dsmnet.models.official import gwcnet, psmnet, to_our_names
from dsmnet.models.state_dict import load_into

_NETWORKS: dict[str, tuple[Any, str, str]] = {  # map of names, the authors' class, where to clone
    "psmnet": (psmnet, "stackhourglass", "https://github.com/JiaRenChang/PSMNet"),
    "gwcnet": (gwcnet, "GwcNet_GC", "https://github.com/xy-guo/GwcNet"),
}


def cases(
    psmnet: str | None,
    gwcnet: str | None,
    size: Sequence[int],
    max_disparity: int,
    tolerance: float,
    target: float,
    device: str,
) -> list[Case]:
    """Return a prediction and a training step, forward and backward, of each network whose clone is given.

    Raises:
        UserError: A folder is not such a clone, or the disparities differ.
    """
    found = []
    for name, folder in (("psmnet", psmnet), ("gwcnet", gwcnet)):
        if folder is None:
            continue
        setup = functools.partial(_setup, name, folder, (size[0], size[1]), max_disparity, device)
        difference = _difference(setup)
        if not difference <= tolerance:
            raise UserError(
                f"baselines.{name}={folder}: disparities differ by {difference:.2g} px; "
                f"expected {tolerance:g}"
            )
        what = f"{name}, {size[0]}x{size[1]}, {max_disparity} px"
        against = f"the authors' code ({difference:.1g} px apart)"
        for train, kind in ((False, "prediction"), (True, "training step")):
            ours, theirs = (
                functools.partial(setup, train=train, baseline=baseline) for baseline in (False, True)
            )
            found.append(Case(f"{kind}, {what}", ours, theirs, against, target, memory=True))
    return found


def _difference(setup: Callable[..., Callable[[], Any]]) -> float:
    """Largest difference of the two predictions, pixels."""
    ours, theirs = (setup(train=False, baseline=baseline)() for baseline in (False, True))
    return float((ours - theirs).abs().max())


def _setup(
    name: str,
    folder: str,
    size: tuple[int, int],
    max_disparity: int,
    device: str,
    *,
    train: bool,
    baseline: bool,
) -> Callable[[], Any]:
    """Prepare both networks with the same weights; return what runs one of them."""
    torch.manual_seed(0)
    left, right = torch.randn(2, 1, 3, *size).to(device)
    names = _NETWORKS[name][0]
    with on_device(device):
        theirs = load_baseline(name, Path(folder), max_disparity).to(device)
        settle(theirs, functools.partial(theirs, left, right))
    state = theirs.state_dict()
    net = instantiate(compose("build", names.overrides(state)).model).to(device)
    load_into(net, to_our_names(state, net.state_dict(), names, folder), folder)
    forward = functools.partial(
        theirs if baseline else net, left, right, *(() if baseline else (max_disparity,))
    )
    run = functools.partial(_step if train else _predict, forward)
    (theirs if baseline else net).train(train)
    return functools.partial(_run_on, device, run)


def _predict(forward: Callable[[], Any]) -> Tensor:
    with torch.inference_mode():
        return _maps(forward())[-1]


def _step(forward: Callable[[], Any]) -> None:
    """Forward, the loss that both train with, backward; gradients add up, which costs both the same."""
    maps = _maps(forward())
    torch.stack([F.smooth_l1_loss(each, torch.full_like(each, 20.0)) for each in maps]).sum().backward()


def _maps(outputs: Any) -> list[Tensor]:
    """Disparities [N, H, W], whatever the network wraps them in."""
    outputs = [outputs] if isinstance(outputs, Tensor) else outputs
    return [each.squeeze(1) for each in outputs]


def load_baseline(name: str, folder: Path, max_disparity: int) -> nn.Module:
    """Build the authors' network from their own file.

    Raises:
        UserError: The folder is not a clone of their repository.
    """
    _, factory, address = _NETWORKS[name]
    expected = f"baselines.{name}={folder}: expected a clone of {address}"
    if not (folder / "models" / "__init__.py").is_file():
        raise UserError(f"{expected}, found no models/__init__.py")
    try:
        with clone_on_path(folder, "models"):
            network: nn.Module = getattr(importlib.import_module("models"), factory)(max_disparity)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UserError(f"{expected} ({error})") from error
    return network


@contextlib.contextmanager
def clone_on_path(folder: Path, package: str) -> Iterator[None]:
    """Let `package`, a common name such as ``models``, be imported from a clone; forget it at the end."""
    before = _forget(package)
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))
        _forget(package)
        sys.modules.update(before)


def _forget(package: str) -> dict[str, Any]:
    """Take what is imported under that name out of Python's list."""
    names = [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
    return {name: sys.modules.pop(name) for name in names}


def settle(net: nn.Module, run: Callable[[], object]) -> None:
    """Make random weights compute numbers of the size that trained ones do.

    Norms get the statistics of the views, or values would overflow. Scores are made a tenth, or rounding
    alone would move a pixel between the many high peaks of its scores.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        net.train()
        run()
    for norm in norms:
        norm.momentum = 0.1
    for module in net.modules():
        if isinstance(module, nn.Conv3d) and module.out_channels == 1:
            module.weight.data.mul_(0.1)


def _run_on(device: str, run: Callable[[], Any]) -> Any:
    with on_device(device):
        return run()


@contextlib.contextmanager
def on_device(device: str) -> Iterator[None]:
    """Let the authors' ``.cuda()`` and ``zeros(device="cuda")``, written in their networks, stay on a CPU."""
    if device != "cpu":
        yield
        return
    cuda, zeros = torch.Tensor.cuda, torch.zeros
    torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    torch.zeros = lambda *size, **options: zeros(*size, **{**options, "device": "cpu"})
    try:
        yield
    finally:
        torch.Tensor.cuda = cuda  # type: ignore[method-assign]
        torch.zeros = zeros
