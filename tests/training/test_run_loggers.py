"""Loggers of a run for real: what W&B offline, MLflow's file and MLflow's server hold at its end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dsmnet.cli.launch import with_choices
from dsmnet.config import compose, save_config
from dsmnet.errors import UserError
from dsmnet.options import hide_secrets, without_secrets
from dsmnet.run import run
from dsmnet.training.run_loggers import git_state
from tests.training.test_training import small

SECRETS = {
    "WANDB_API_KEY": "0123456789abcdef" * 2 + "01234567",
    "MLFLOW_TRACKING_PASSWORD": "correct-horse-battery",
}


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Secrets in the environment, and no reports to the makers of the loggers."""
    silent = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
    for name, value in {**SECRETS, **silent, "MLFLOW_TRACKING_USERNAME": "me"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


def assert_no_secret(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    found = {
        str(path): name
        for path in files
        for name, secret in SECRETS.items()
        if secret.encode() in path.read_bytes()
    }
    assert found == {}


def scores_of(output: Path) -> dict[str, float]:
    return json.loads((output / "results.json").read_text())["sets"]["synthetic"]


def test_tensorboard_and_csv_hold_configuration_pictures_and_table(tmp_path: Path) -> None:
    run(small(tmp_path), tmp_path)
    record = yaml.safe_load((tmp_path / "hparams.yaml").read_text())
    assert record["crop"]["width"] == 96
    assert record["git"] == git_state(Path(__file__).parents[2] / "dsmnet")
    tags: dict[str, set[str]] = {"scalars": set(), "images": set(), "tensors": set()}
    for events in tmp_path.glob("events.*"):
        found = EventAccumulator(str(events)).Reload().Tags()
        for kind, names in tags.items():
            names.update(found[kind])
    assert {"train/loss", "zero_shot/synthetic/epe"} <= tags["scalars"]
    assert tags["images"] == {"validation/0", "validation/1"}
    assert "results/text_summary" in tags["tensors"]
    assert "zero_shot" not in (tmp_path / "metrics.csv").read_text()


def read_log(data: bytes) -> Iterator[bytes]:
    """The records of a file of W&B: LevelDB's log in blocks of 32 KB, after a header of 7 bytes."""
    place, record = 7, b""
    while place < len(data):
        if (1 << 15) - place % (1 << 15) < 7:  # no room for another header
            place += (1 << 15) - place % (1 << 15)
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        record += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def test_wandb_offline_holds_configuration_pictures_and_table(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    output = tmp_path / "run"
    run(small(output, "logger=wandb"), output)
    (folder,) = (output / "wandb").glob("offline-run-*")
    (file,) = folder.glob("run-*.wandb")
    config, summary, name = {}, {}, ""
    records: list[Any] = []
    for _ in range(300):  # its service writes the end of the file a moment after the run has finished
        records = [Record.FromString(data) for data in read_log(file.read_bytes())]
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            break
        time.sleep(0.1)
    for record in records:
        name = record.run.display_name or name
        for update in (*record.run.config.update, *record.config.update):
            config[update.key] = json.loads(update.value_json)
        for item in record.summary.update:
            summary["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    assert name == "tiny-domain-1"
    assert config["max_disparity"] == 32
    assert config["git"] == git_state(Path(__file__).parents[2] / "dsmnet")
    assert len(list(folder.glob("files/media/images/validation/*.png"))) == 2
    (table,) = folder.glob("files/media/table/results*.json")
    rows = {row[1]: row[2] for row in json.loads(table.read_text())["data"]}
    assert rows["epe"] == pytest.approx(scores_of(output)["epe"], abs=1e-3)
    assert_no_secret(output)
    import wandb

    assert wandb.run is None  # the next run of this process is one of its own


def check_mlflow(address: str, output: Path) -> None:
    """What a store of MLflow holds of a run."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(address)
    (found,) = client.search_runs([client.get_experiment_by_name("dsmnet").experiment_id])
    assert found.info.run_name == "tiny-domain-1"
    assert found.info.status == "FINISHED"
    assert found.data.params["crop/width"] == "96"
    assert found.data.params["git/commit"] == str(git_state(Path(__file__).parents[2] / "dsmnet")["commit"])
    epe = found.data.metrics["zero_shot/synthetic/epe"]
    assert epe == pytest.approx(scores_of(output)["epe"], abs=1e-3)
    files = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert files == {"config.yaml", "images", "results.md"}
    pictures = [file.path for file in client.list_artifacts(found.info.run_id, "images")]
    assert sum(path.endswith(".png") for path in pictures) == 2
    text = Path(client.download_artifacts(found.info.run_id, "config.yaml", str(output.parent))).read_text()
    whole: Any = yaml.safe_load(text)
    assert whole["dataset"]["_target_"] == "dsmnet.synthetic.SyntheticStereo"
    assert whole["choices"]["norm"] == "domain"


def test_mlflow_file_holds_configuration_pictures_and_table(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    output = tmp_path / "run"
    run(small(output, "logger=mlflow"), output)
    check_mlflow(f"sqlite:///{output}/mlflow.db", output)
    assert_no_secret(output)
    assert not (tmp_path / "mlruns").exists()


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has begun to listen; it ends with the test."""
    pytest.importorskip("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    command = ["-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    stores = [f"--backend-store-uri=sqlite:///{folder}/db", f"--artifacts-destination={folder}/files"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command, *stores], stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        try:
            for _ in range(240):
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    break
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 9)  # with its workers
            process.wait()


def test_mlflow_server_holds_configuration_pictures_and_table(mlflow_server: str, tmp_path: Path) -> None:
    output = tmp_path / "run"
    run(small(output, "logger=mlflow", f"logger.mlflow.tracking_uri={mlflow_server}"), output)
    check_mlflow(mlflow_server, output)
    assert_no_secret(output)


def test_server_that_is_not_there_is_one_line_and_shows_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:tell-nobody@127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"logger=mlflow: cannot be started: .*cannot be reached") as refused:
        run(small(tmp_path, "logger=mlflow"), tmp_path)
    assert "tell-nobody" not in str(refused.value)
    assert "tell-nobody" not in (tmp_path / "config.yaml").read_text()
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "option",
    ["mlflow.tracking_uri=https://me:pw@host/x", "wandb.api_key=pw", "wandb.settings.Access_Token=pw"],
)
def test_secret_on_the_command_line_is_refused(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dsmnet.commands.train import main

    monkeypatch.setattr("sys.argv", ["train.py", f"+logger.{option}", f"paths.output={tmp_path}/x", "-m"])
    with pytest.raises(SystemExit):
        main()
    assert "holds a secret" in caplog.records[-1].getMessage()
    assert "pw" not in caplog.text
    assert not (tmp_path / "x").exists()


def test_secrets_are_asterisks_in_what_is_stored(tmp_path: Path) -> None:
    assert hide_secrets("a http://u:p@h/x, s3://k@b/y, me@home") == "a http://***@h/x, s3://***@b/y, me@home"
    assert without_secrets({"db": {"password": "x", "token": None, "Api_Key": "k", "monkey": ["b"]}}) == {
        "db": {"password": "***", "token": None, "Api_Key": "***", "monkey": ["b"]}
    }
    cfg = compose("predict", ["left=rtsp://u:p@camera/1", "right=b", f"paths.output={tmp_path}"])
    save_config(with_choices(cfg, {}), tmp_path / "config.yaml")
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["left"] == "rtsp://***@camera/1"


def test_code_outside_of_a_checkout_has_no_commit(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {"commit": None, "dirty": None}
    for command in ("init -q", "add .", "-c user.name=a -c user.email=b commit -qm x"):
        (tmp_path / "__init__.py").touch()
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    assert (state := git_state(tmp_path))["dirty"] is False
    assert len(state["commit"]) == 40
    (tmp_path / "__init__.py").write_text("x = 1\n")
    assert git_state(tmp_path)["dirty"] is True
