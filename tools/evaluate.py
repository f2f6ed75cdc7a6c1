"""Evaluate across domains: python tools/evaluate.py [checkpoint=PATH] [eval=cross_domain] [baseline=sgbm].

Prints one table, set x (EPE, bad-1, bad-2, bad-3, D1, images, seconds), and writes results.json, results.md
and, with panels=true, a picture per image under paths.output.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from dsmnet import load_model
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.config import instantiate, save_config, tool
from dsmnet.evaluation import choose_sets, cross_domain_evaluation


@tool("evaluate")
def main(cfg: DictConfig) -> None:
    """Load the network, find the sets, score."""
    output = Path(cfg.paths.output)
    net = load_model(cfg.checkpoint, device=cfg.device)
    sets = choose_sets(cfg, instantiate)
    save_config(cfg, output / "config.yaml")
    checkpoint = cfg.checkpoint or DEFAULT_WEIGHTS.name
    cross_domain_evaluation(net, cfg, output, build=instantiate, checkpoint=checkpoint, sets=sets)


if __name__ == "__main__":
    main()
