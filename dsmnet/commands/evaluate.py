"""Evaluate: `python tools/evaluate.py [checkpoint=PATH] [eval=cross_domain|dataset=NAME] [baseline=sgbm]`.

Prints one table, set x (EPE, bad-1, bad-2, bad-3, D1, images, seconds), and writes results.json, results.md
and, with panels=true, a picture per image under paths.output. With html=true also results.html, a page with
every image; with compare=[A,B] two or more checkpoints are scored side by side; with confidence=true
sparsification.png shows what the confidence is worth; with error_breakdown=true a table says on which pixels
the error lies. eval= names a table of conf/eval, dataset= any one set of conf/dataset instead.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, is_endless, save_config, tool
from dsmnet.evaluation import Compared, choose_sets, chosen_checkpoints, cross_domain_evaluation, only_set
from dsmnet.inference.tiled import in_tiles
from dsmnet.io.pairs import files_of

WRITTEN = (
    *("config.yaml", "results.json", "results.md", "results.csv", "results.html", "panels"),
    *("error_breakdown.md", "sparsification.png", "sparsification.md"),
)


@tool("evaluate")
def main(cfg: DictConfig) -> None:
    """Load the networks, find the sets, score."""
    output = Path(cfg.paths.output)
    if "dataset" in cfg:
        cfg.eval = only_set(cfg, is_endless(cfg.dataset))
    options = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(options, dict)
    baseline = options.get("baseline")
    reserved = [baseline["name"]] if baseline else []
    chosen = chosen_checkpoints(options["checkpoint"], options["compare"], reserved)
    networks = {
        label: Compared(
            in_tiles(
                load_model(
                    path, cfg.device, backend=cfg.backend, precision=cfg.precision, iterations=cfg.iterations
                ),
                cfg.tile,
                cfg.overlap,
                cfg.memory,
            ),
            path or DEFAULT_WEIGHTS.name,
        )
        for label, path in chosen.items()
    }
    (label, first), *others = networks.items()
    sets = choose_sets(cfg, instantiate)
    read = [file for dataset in sets.present.values() for file in files_of(dataset)]
    check_apart(output, WRITTEN, [*chosen.values(), *read])
    save_config(cfg, output / "config.yaml")
    cross_domain_evaluation(
        first.matcher,
        cfg,
        output,
        build=instantiate,
        checkpoint=first.checkpoint,
        sets=sets,
        label=label or None,
        compared=dict(others),
    )
