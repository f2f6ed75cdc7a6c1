"""Train, then evaluate zero-shot: `python tools/train.py [dataset=...] [model=...] [norm=...]`.

Writes config.yaml, checkpoints/{last,best}.ckpt, weights.safetensors, metrics.csv, TensorBoard events,
results.json and results.md under paths.output; of a recipe in stages also stage1/, stage2/, ....
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from dsmnet.config import tool


@tool("train")
def main(cfg: DictConfig) -> None:
    """Train as configured and finish with the cross-domain table."""
    from dsmnet.run import run
    from dsmnet.staged_run import run_stages

    (run_stages if cfg.stages else run)(cfg, Path(cfg.paths.output))


if __name__ == "__main__":  # as Lightning starts the other processes of a training
    main()
