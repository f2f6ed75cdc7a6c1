"""Numbers: functions of tensors without parameters. Each has a plain reference beside its fast form."""

from dsmnet.ops.sga import sga, sga_directions
from dsmnet.ops.sgf import sgf

__all__ = ["sga", "sga_directions", "sgf"]
