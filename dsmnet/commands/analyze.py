"""What normalisation does: `python tools/analyze.py checkpoint=[A,B] domains=[synthetic,kitti2015,eth3d]`.

Writes norms.png (how long feature vectors are on each domain), divergence.png (how far each layer's
activations lie apart), classifier.png (whether a layer's statistics give the domain away) and analysis.json.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dsmnet import load_model
from dsmnet.analysis import analyze, network_labels
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart, write_text
from dsmnet.config import all_pairs, dataset_config, instantiate, listed, save_config, tool
from dsmnet.errors import UserError
from dsmnet.io.pairs import files_of
from dsmnet.viz.analysis import classifier_figure, divergence_figure, norms_figure
from dsmnet.viz.figures import save

WRITTEN = ("config.yaml", "analysis.json", "norms.png", "divergence.png", "classifier.png")
log = logging.getLogger(__name__)


@tool("analyze")
def main(cfg: DictConfig) -> None:
    """Load the networks, look at each domain, write numbers and figures."""
    output, sampling = Path(cfg.paths.output), instantiate(cfg.sampling)
    sources = [str(path) for path in listed(cfg.checkpoint)] or [str(DEFAULT_WEIGHTS)]
    nets = [load_model(path, device=cfg.device) for path in sources]
    names = [str(name) for name in listed(cfg.labels)] or network_labels(
        [net.config for net in nets], sources
    )
    if len(names) != len(nets) or len(set(names)) < len(names):
        raise UserError(f"labels={names}: expected {len(nets)} different names, one per checkpoint")
    domains = {
        str(name): all_pairs(dataset_config(str(name), cfg.paths.data)) for name in listed(cfg.domains)
    }
    read = [file for dataset in domains.values() for file in files_of(dataset)]
    check_apart(output, WRITTEN, [*sources, *read])
    save_config(cfg, output / "config.yaml")

    networks = {
        name: {"checkpoint": source, "model": net.config["model"], "norm": net.config["norm"]}
        | analyze(net, domains, sampling, progress=cfg.progress)
        for name, source, net in zip(names, sources, nets, strict=True)
    }
    record = {"domains": list(domains), "sampling": vars(sampling), "networks": networks}
    write_text(output / "analysis.json", json.dumps(record, indent=1) + "\n")
    save(norms_figure(networks, list(domains)), output / "norms.png")
    save(divergence_figure(networks, list(domains)), output / "divergence.png")
    save(classifier_figure(networks), output / "classifier.png")
    report(networks)
    log.info("wrote %s, norms.png, divergence.png and classifier.png", output / "analysis.json")


def report(networks: dict[str, dict[str, Any]]) -> None:
    """Log the means that the figures show."""
    for name, network in networks.items():
        distances = network["wasserstein"]
        layers = network["divergence"].values()
        divergence = [entry["mean"] for layer in layers for entry in layer.values()]
        accuracy = list(network["domain_classifier"]["accuracy"].values())
        log.info(
            "%s: norms %.3f apart, layers %.3f nats apart, domain recognised in %s",
            name,
            sum(distances.values()) / len(distances),
            sum(divergence) / len(divergence),
            f"{100 * sum(accuracy) / len(accuracy):.0f} %" if accuracy else "- (too few pairs)",
        )
