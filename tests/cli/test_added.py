"""``+KEY=VALUE``: what something reads passes, anything else is one line that says what was meant."""

from __future__ import annotations

import inspect
import re

import pytest
from omegaconf import OmegaConf

from dsmnet.cli.added import READ, check_added, check_arguments
from dsmnet.config import compose, config_dir, instantiate
from dsmnet.errors import UserError
from dsmnet.evaluation import cross_domain
from dsmnet.staged_run import run_stages


def check(tool: str, *overrides: str) -> None:
    cfg = compose(tool, overrides)
    check_added(tool, cfg, overrides, config_dir(), compose, lambda: [*map(str, compose(tool))])


@pytest.mark.parametrize(
    ("tool", "added", "message"),
    [
        ("train", "+foo=3", r"\+foo: no such option; --help"),
        ("train", "++sed=3", r"\+\+sed: no such option; did you mean seed"),
        ("predict", "+lft=x", r"\+lft: no such option; did you mean left\?"),
        ("train", "+trainer.max_epoch=3", r"\+trainer.max_epoch: .* did you mean .*trainer.max_epochs"),
        ("train", "+optimizer.betass=3", r"\+optimizer.betass: .* did you mean optimizer.betas\?"),
        ("train", "+optimizer.betass.x=3", r"\+optimizer.betass.x: no such option; "),
        ("train", "+crop.widht=3", r"\+crop.widht: no such option; "),
        ("train", "+baseline.foo=3", r"\+baseline.foo: no such option; "),
        ("train", "+logger.mine={a: 1}", r"\+logger.mine: no such option; "),
        ("train", "+evaluation.htm=true", r"did you mean evaluation.html"),
        ("train", "+scene.heigt=3", r"\+scene.heigt: no such option; "),
        ("train", "+truth=3", r"\+truth: is now called ground_truth"),
    ],
)
def test_added_option_that_nothing_reads_is_refused(tool: str, added: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(tool, added)


@pytest.mark.parametrize(
    ("tool", "added"),
    [
        ("train", ["+optimizer.betas=[0.9,0.99]"]),
        ("train", ["++trainer.accumulate_grad_batches=2", "+trainer.limit_val_batches=1"]),
        ("train", ["+logger.wandb.tags=[a]", "logger=wandb"]),  # its ** takes any
        ("train", ["dataset=synthetic_mix", "+dataset.parts.mine={_target_: x}"]),
        ("train", ["+protocol.sets.mine={headline: d1}"]),
        (
            "train",
            ["+callbacks.mine._target_=pytorch_lightning.callbacks.Timer", "+callbacks.mine.duration=1"],
        ),
        ("train", ["+scene.height=96"]),
        ("train", ["+places.data=/x", "paths.data='${places.data}'"]),
        ("train", ["++seed=3", "~baseline", "optimizer=adam", "+optimizer.amsgrad=true"]),
        ("train", [f"+{name.partition(':')[2]}=true" for name in READ]),
        ("predict", ["+baseline=sgbm"]),
    ],
)
def test_added_option_that_is_read_passes(tool: str, added: list[str]) -> None:
    check(tool, *added)


def test_options_read_without_being_in_the_configuration_are_all_that_evaluation_asks_for() -> None:
    asked = re.findall(r'cfg\.get\("(\w+)"', inspect.getsource(cross_domain))
    cfg = compose("train")
    known = {*cfg, *cfg.evaluation, *cfg.choices}
    assert {f"train:evaluation.{name}" for name in {*asked} - known} == {*READ}


def test_argument_of_a_yaml_that_its_target_does_not_take_is_named_before_it_is_built() -> None:
    cfg = OmegaConf.create(
        {"optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "weight_deccay": 0}}
    )
    with pytest.raises(UserError, match=r"^optimizer.weight_deccay: .* mean optimizer.weight_decay\?$"):
        instantiate(cfg.optimizer)


def test_argument_of_a_part_within_a_list_or_a_section_is_named() -> None:
    part = {"_target_": "dsmnet.augment.RandomCrop", "heigt": 3}
    cfg = OmegaConf.create({"a": {"_target_": "dsmnet.augment.Compose", "steps": [part]}, "b": "${c}"})
    with pytest.raises(UserError, match=r"^a.steps\[0\].heigt: no such option; "):
        check_arguments(cfg.a)


def test_added_option_of_a_stage_is_refused(tmp_path: object) -> None:
    cfg = compose("train", ["stages=[['seed=2'],['+sed=3']]"])
    with pytest.raises(UserError, match=r"stages, stage 2: \+sed: no such option; did you mean seed"):
        run_stages(cfg, tmp_path)
