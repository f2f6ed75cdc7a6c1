"""What normalisation does to features: their norms, their divergence between domains, what tells a domain."""

from dsmnet.analysis.domain_classifier import domain_accuracy
from dsmnet.analysis.domains import Sampling, analyze, labels
from dsmnet.analysis.measures import layer_divergence, wasserstein

__all__ = ["Sampling", "analyze", "domain_accuracy", "labels", "layer_divergence", "wasserstein"]
