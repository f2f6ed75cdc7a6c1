"""An option that is a path takes what the shell hands over, whatever Hydra's grammar would make of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from dsmnet.cli.arguments import quote_paths, quoted
from dsmnet.config import compose, config_dir, dataset_config, instantiate, save_config
from dsmnet.errors import DataError, UserError
from dsmnet.io import write_image
from tests.robustness.runs import TOOLS, call

# fmt: off
NAMES = (
    "step=600.ckpt", "a b", " leading", "trailing ", "(copy)", "a,b", "[1]", "[a", "{x}", "}", "it's", '"q"',
    "'q'", "a$b", "${x}", "$", "1", "007", "1_000", "2024_11_28", "1e5", "null", "NULL", "true", "inf", "~x",
    "a:b", "a;b", "a\\b", "back\\", "größe", "视差", "\N{SNOWMAN}", "a#b", "@", "+x", "-x", "100%", "a|b",
    "*", "glob(*)", "range(1,3)", "a=b,c=d", "???x", "x\ty", "x\ny",
)
# fmt: on
# Every option that is a path, with the tool that has it.
READ = {
    "adapt": ("checkpoint", "teacher", "second", "dataset.root", "dataset.subset"),
    "analyze": ("checkpoint",),
    "average": ("checkpoint",),
    "benchmark": ("scaling.checkpoint", "networks", "baselines.psmnet", "baselines.lightstereo_s"),
    "check_data": ("dataset=folder dataset.left", "dataset=folder dataset.right", "paths.data"),
    "compare": ("runs", "adapted"),
    "demo": ("checkpoint",),
    "evaluate": (
        "checkpoint",
        "compare",
        "dataset=folder dataset.disparity",
        "dataset=kitti2012 dataset.root",
    ),
    "export": ("checkpoint",),
    "label": ("teacher", "second", "dataset=video dataset.left"),
    "pack": ("dataset=folder dataset.left", "dataset=shards dataset.root"),
    "predict": ("left", "right", "calib", "checkpoint", "paths.data"),
    "rectify": ("left", "right", "calib"),
    "submit": ("checkpoint", "validate", "upload.dataset.root"),
    "train": ("again", "resume", "init", "dataset.textures", "dataset=eth3d dataset.subset"),
    "visualize": ("disparity", "left", "ground_truth", "calib"),
}
OPTIONS = [(tool, option) for tool, options in READ.items() for option in options]


def composed(tool: str, argument: str) -> object:
    """The value that a tool's configuration gets from an argument."""
    *groups, last = argument.split(" ", 1) if argument.startswith("dataset=") else [argument]
    cfg = compose(tool, quote_paths(tool, [*groups, last]))
    return OmegaConf.select(cfg, last.partition("=")[0])


def value(argument: str) -> object:
    """The value that Hydra reads from an argument, without the time that composing takes."""
    (override,) = OverridesParser.create().parse_overrides([argument])
    return OmegaConf.create({"value": override.value()}).value


@pytest.mark.parametrize(("tool", "option"), OPTIONS)
def test_option_that_is_a_path_arrives_as_it_was_typed(
    tool: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=1, (2).ckpt").touch()
    (tmp_path / "1_000").touch()
    assert composed(tool, f"{option}=a=1, (2).ckpt") == "a=1, (2).ckpt"
    *groups, last = option.split(" ")
    for name in ("1_000", "is [not] there=1"):
        assert value(quote_paths(tool, [*groups, f"{last}={name}"])[-1]) == name


@pytest.mark.parametrize("name", NAMES)
def test_name_of_a_file_arrives_whatever_its_characters(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    for path in (name, str(tmp_path / name)):
        assert value(*quote_paths("predict", [f"left={path}"])) == path


def test_name_of_a_recording_arrives_and_null_is_none() -> None:
    assert value(*quote_paths("predict", ["viewer=a=1, (2).rrd"])) == "a=1, (2).rrd"
    assert value(*quote_paths("predict", ["viewer=null"])) is None


@pytest.mark.parametrize("name", [name for name in NAMES if "${" not in name and name.lower() != "null"])
@pytest.mark.parametrize("option", ["paths.output", "+paths.output", "name"])
def test_name_to_write_to_arrives_although_nothing_is_there(name: str, option: str) -> None:
    assert value(*quote_paths("export", [f"{option}={name}"])) == name


def test_config_yaml_holds_names_as_they_were(tmp_path: Path) -> None:
    names = ",".join(map(quoted, NAMES))
    cfg = compose("evaluate", [f"compare=[{names}]", "paths.output=y", "paths.data=z"])
    assert list(cfg.compare) == list(NAMES)
    save_config(cfg, tmp_path / "config.yaml")
    assert list(OmegaConf.load(tmp_path / "config.yaml").compare) == list(NAMES)


@pytest.mark.parametrize("name", ["a=1 b", "$x", "it's [1]"])
def test_folder_of_a_data_set_arrives_where_it_is_built(name: str, tmp_path: Path) -> None:
    assert dataset_config("kitti2015", f"{tmp_path}/{name}").root == f"{tmp_path}/{name}/KITTI_2015"
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/{name}/KITTI_2015")):
        instantiate(dataset_config("kitti2015", f"{tmp_path}/{name}"))


def test_hydras_grammar_holds_for_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert compose("predict", quote_paths("predict", ["calib=null"])).calib is None
    listed = compose("evaluate", quote_paths("evaluate", ["compare=[a.ckpt,b=1.ckpt, 'c,d']"]))
    assert listed.compare == ["a.ckpt", "b=1.ckpt", "c,d"]
    assert compose("predict", quote_paths("predict", ["left='a,b'"])).left == "a,b"
    interpolated = quote_paths("predict", ["left=${right}/x", "right=y"])
    assert compose("predict", interpolated).left == "y/x"


def test_option_of_the_same_name_that_is_no_path_is_left_alone() -> None:
    arguments = ["resume=true", "confidence=true", "limits=[0,64]", "max_disparity=64"]
    assert quote_paths("predict", arguments) == arguments


def test_several_paths_are_a_sweep_unless_one_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    swept = ["checkpoint='a=1.ckpt','2024'", "-m"]
    assert quote_paths("adapt", ["checkpoint=a=1.ckpt,2024", "-m"]) == swept
    assert quote_paths("adapt", ["checkpoint=choice(a,b)", "-m"]) == ["checkpoint=choice(a,b)", "-m"]
    (tmp_path / "a=1.ckpt,2024").touch()
    assert quote_paths("adapt", ["checkpoint=a=1.ckpt,2024", "-m"]) == ["checkpoint='a=1.ckpt,2024'", "-m"]


@pytest.mark.parametrize("argument", ["left=", "paths.output=", "checkpoint=", "paths.output=a${b"])
def test_path_that_cannot_be_one_is_refused(argument: str) -> None:
    with pytest.raises(UserError, match="expected"):
        quote_paths("predict", [argument])


@pytest.mark.parametrize(
    ("tool", "option"), [("compare", "runs"), ("visualize", "disparity"), ("export", "paths.output")]
)
def test_null_is_a_name_where_one_is_needed(tool: str, option: str) -> None:
    assert composed(tool, f"{option}=null") == "null"


def test_home_is_found_whatever_follows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for option in ("paths.output", "left"):
        assert composed("predict", f"{option}=~/a=1/*.png") == f"{tmp_path}/a=1/*.png"


def test_declared_options_exist() -> None:
    for tool, option in OPTIONS:
        *groups, last = option.split(" ")
        assert last.rpartition(".")[2] in str(compose(tool, groups))
    assert set(READ) == {path.stem for path in TOOLS.glob("*.py")}
    assert config_dir().is_dir()


@pytest.mark.parametrize("name", ["step=600, (1) [x] it's $HOME", "1_000"])
def test_predict_reads_and_writes_odd_names(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for side in ("left", "right"):
        write_image(tmp_path / name / side / f"{name}.png", rng.integers(0, 255, (48, 96, 3), np.uint8))
    shutil.copy(TOOLS.parent / "dsmnet/weights/dsmnet_lite.safetensors", tmp_path / name / "w=1.safetensors")
    options = [f"left={name}/left", f"right={name}/right/{name}.png", f"paths.output={name}/out"]
    options += [f"checkpoint={name}/w=1.safetensors", "max_disparity=32", "progress=false"]
    done = call(TOOLS / "predict.py", *options, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / name / "out" / f"{name}.pfm").is_file()
