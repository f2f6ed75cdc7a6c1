"""Effect of normalisation on features: their norms, their divergence between domains, a domain classifier."""

from dsmnet.analysis.divergence import layer_divergence, wasserstein
from dsmnet.analysis.domain_classifier import domain_accuracy
from dsmnet.analysis.domains import Sampling, analyze, network_labels

__all__ = ["Sampling", "analyze", "domain_accuracy", "layer_divergence", "network_labels", "wasserstein"]
