"""Bricks that know nothing of stereo: normalisations, convolution blocks, the graph filter as a module."""

from dsmnet.layers.norms.batch_instance import BatchInstanceNorm
from dsmnet.layers.norms.domain import DomainNorm
from dsmnet.layers.norms.ibn import IBN

__all__ = ["IBN", "BatchInstanceNorm", "DomainNorm"]
