"""Fully sharded training: parameters, gradients and the optimiser's state are divided among processes."""

from __future__ import annotations

import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from dsmnet.training.module import StereoModule


class ShardedStrategy(ModelParallelStrategy):
    """FSDP2 over all processes; checkpoints are single files as those of any other training.

    Lightning's ``fsdp`` is the former FSDP, which runs on GPUs alone and renames what an optimiser sees.
    """

    def __init__(self) -> None:
        super().__init__(save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Let every process have another part of the data; nothing is split by tensors."""
        self._data_parallel_size, self._tensor_parallel_size = self.num_nodes * self.num_processes, 1
        super().setup_environment()


class ShardedModule(StereoModule):
    """A `StereoModule` whose network is sharded as a whole: gathered for a step, divided between two."""

    def configure_model(self) -> None:
        """Divide the network; called by Lightning once the processes have met."""
        self.net.to(memory_format=torch.contiguous_format)  # FSDP takes no other
        assert self.device_mesh is not None
        fully_shard(self.net, mesh=self.device_mesh["data_parallel"])
        register_fsdp_forward_method(self.net, "match")  # which training calls in the place of forward
