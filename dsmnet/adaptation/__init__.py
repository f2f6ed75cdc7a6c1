"""A trained network, fitted to another domain from images alone."""

from dsmnet.adaptation.adabn import Adaptation, LayerShift, adapt_batch_norms, batch_norms
from dsmnet.adaptation.moments import Moments, symmetric_kl
from dsmnet.adaptation.stereo_adabn import adapt

__all__ = ["Adaptation", "LayerShift", "Moments", "adapt", "adapt_batch_norms", "batch_norms", "symmetric_kl"]
