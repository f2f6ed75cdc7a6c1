"""Matchers by name: a checkpoint, an export, or StereoSGBM."""

from __future__ import annotations

from dsmnet.api import load_model
from dsmnet.errors import UserError
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.types import Matcher


def matcher_of(name: str | None, option: str, device: str = "auto", precision: str = "float32") -> Matcher:
    """Return the matcher that an option names: ``sgbm``, a checkpoint or an export; None for `dsmnet_lite`."""
    if name == "sgbm":
        return SGBM()
    try:
        return load_model(name, device, precision=precision)
    except UserError as error:
        raise type(error)(str(error).replace("checkpoint=", f"{option}=", 1)) from None
