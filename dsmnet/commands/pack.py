"""Shards of a data set: `python tools/pack.py dataset=NAME [pairs=N] paths.output=DIR`.

Writes shard-000000.tar and so on, and an index, under paths.output. An interrupted run goes on when called
again with the same options. To train on them: dataset=shards dataset.root=DIR, or s3://bucket/prefix where
they were copied to. dataset=synthetic pairs=N writes that many pairs of the generator.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, is_endless, tool
from dsmnet.datasets.process_pool import worker_count
from dsmnet.datasets.shard_format import INDEX
from dsmnet.datasets.shard_writer import write_shards
from dsmnet.io.pairs import files_of
from dsmnet.options import check_whole

log = logging.getLogger(__name__)


@tool("pack")
def main(cfg: DictConfig) -> None:
    """Write the shards of a data set."""
    output = Path(cfg.paths.output)
    if cfg.pairs is not None and is_endless(cfg.dataset) and "length" in cfg.dataset:
        cfg.dataset.length = check_whole("pairs", cfg.pairs)  # nominal, and no pair lies beyond
    dataset: Any = instantiate(cfg.dataset)
    check_apart(output, [INDEX], files_of(dataset))
    options: Any = OmegaConf.to_container(cfg, resolve=True)
    write_shards(
        dataset,
        output,
        pairs=cfg.pairs,
        shard_pairs=cfg.shard_pairs,
        workers=worker_count(cfg.workers),
        source={name: options[name] for name in ("dataset", "pairs", "shard_pairs")},
        progress=cfg.progress,
    )
    log.info(
        "shards of %s -> %s; dataset=shards dataset.root=%s trains on them", dataset.name, output, output
    )
