"""Several processes of one run before they have met: who started them, which one this is, what they share.

They are started by torchrun, by SLURM's srun, by hand on each node (MASTER_ADDR, MASTER_PORT, NODE_RANK), or
by the first process of a node, which then is the only one that a user has started.
"""

from __future__ import annotations

import os
from typing import Any

from dsmnet.errors import UserError
from dsmnet.options import check_whole

_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_BY_HAND = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


def is_first() -> bool:
    """Whether this process is the only one of its run or, of several, the one that writes."""
    if rank := os.environ.get("RANK"):
        return rank == "0"
    return {os.environ.get(name, "0") for name in ("NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")} == {"0"}


def is_first_of_node() -> bool:
    """Whether this process is the first one on its machine."""
    return os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")) == "0"


def by_torchrun() -> bool:
    """Whether torchrun, or what sets its variables, has started this process."""
    return all(name in os.environ for name in _BY_TORCHRUN)


def by_srun() -> bool:
    """Whether SLURM's srun has started this process as one of a job that nobody types into."""
    interactive = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
    return "SLURM_NTASKS" in os.environ and not by_torchrun() and not interactive


def by_first() -> bool:
    """Whether the first process of this machine has started this one."""
    return os.environ.get("LOCAL_RANK", "0") != "0" and not by_torchrun()


def place() -> str:
    """Return which process this is, for its messages: ``node 1, process 0``, or ``process 5`` of all."""
    if rank := os.environ.get("RANK", os.environ.get("SLURM_PROCID")):
        return f"process {rank}"
    return f"node {os.environ.get('NODE_RANK', 0)}, process {os.environ.get('LOCAL_RANK', 0)}"


def common_name() -> str | None:
    """Return a name that all processes of a run know which were started apart; None for one that is alone.

    Raises:
        UserError: They know none.
    """
    if by_srun() and os.environ["SLURM_NTASKS"] != "1":
        job, step = os.environ.get("SLURM_JOB_ID", "none"), os.environ.get("SLURM_STEP_ID", "0")
        name = "none" if job == "none" else f"slurm_{job}_{step}"
    elif by_torchrun() and os.environ["WORLD_SIZE"] != "1":
        name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    elif set(_BY_HAND) <= os.environ.keys() and "LOCAL_RANK" not in os.environ:
        name = "none"
    else:
        return None
    if name == "none":
        raise UserError(
            "paths.output: processes that were started apart have no folder in common; expected "
            "paths.output=FOLDER, of torchrun also --standalone or --rdzv-id=NAME"
        )
    return name


def layout(devices: Any, num_nodes: Any) -> tuple[Any, int]:
    """Return how many devices of each node take part, and how many nodes; ``auto`` is what was started.

    Raises:
        UserError: Other numbers of processes were started, or several nodes without an address to meet at.
    """
    nodes = 0 if num_nodes == "auto" else check_whole("trainer.num_nodes", num_nodes)
    if by_torchrun():
        world = _number("WORLD_SIZE")
        local = _number("LOCAL_WORLD_SIZE", world // max(nodes, 1))
        return _started(devices, local, "devices"), _started(nodes or "auto", world // local, "num_nodes")
    if by_srun():
        local = _number("SLURM_NTASKS_PER_NODE", 1)
        return _started(devices, local, "devices"), _started(
            nodes or "auto", _number("SLURM_NNODES", 1), "num_nodes"
        )
    rank, missing = _number("NODE_RANK", 0), [name for name in _BY_HAND if name not in os.environ]
    if nodes > 1 and missing:
        raise UserError(
            f"trainer.num_nodes={nodes} without {', '.join(missing)}: expected them in the environment of "
            "each node, or torchrun or srun to start the processes"
        )
    if rank >= max(nodes, 1):
        raise UserError(f"NODE_RANK={rank}: expected less than trainer.num_nodes={max(nodes, 1)}")
    return devices, max(nodes, 1)


def _started(wanted: Any, there: int, option: str) -> int:
    if wanted not in ("auto", -1, "-1", there, str(there)):
        what = "processes on each node" if option == "devices" else "nodes"
        raise UserError(f"trainer.{option}={wanted}: {there} {what} were started; expected {there} or auto")
    return there


def _number(name: str, default: int | None = None) -> int:
    text = os.environ.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise UserError(f"{name}={text}: expected a whole number in the environment")
    return int(text)
