"""Shards in an object store, a real server of the S3 protocol on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from dsmnet.datasets.kitti import Kitti2015
from dsmnet.datasets.shard_writer import write_shards
from dsmnet.datasets.shards import Shards
from dsmnet.errors import DataError
from tests.datasets.conftest import make_samples
from tests.datasets.test_shards import assert_same

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs", reason="pip install 'dsmnet[s3]'")
server = pytest.importorskip("moto.server", reason="pip install 'moto[s3]' flask flask-cors")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of shards, and of the same without one of them."""
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    Kitti2015.write_fake(tmp_path / "set", make_samples(5))
    write_shards(Kitti2015(tmp_path / "set"), tmp_path / "shards", shard_pairs=2)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.mkdir(f"pairs-{port}")  # what an earlier server of this process held is still there
    files.put(f"{tmp_path / 'shards'}/", f"pairs-{port}/some/kitti/", recursive=True)
    yield f"s3://pairs-{port}/some/kitti"
    fsspec.filesystem("s3").clear_instance_cache()
    store.stop()


def test_shards_are_read_from_an_object_store(bucket: str, tmp_path: Path) -> None:
    stored, here = Shards(bucket), Shards(tmp_path / "shards")
    assert_same(stored, here)
    for part, again in zip(stored.split_validation(), here.split_validation(), strict=True):
        assert_same(part, again)
    # After a fork, with connections open: each process makes its own.
    loader = DataLoader(stored, batch_size=None, num_workers=2, collate_fn=lambda pair: pair)
    assert_same(list(loader), here)


def test_what_the_store_lacks_is_one_line_with_its_address(bucket: str) -> None:
    pairs = Shards(bucket)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.rm(f"{bucket}/shard-000001.tar")
    assert pairs[0]["name"]
    with pytest.raises(DataError, match=rf"^{re.escape(bucket)}/shard-000001\.tar: no such file$"):
        pairs[2]
    files.pipe_file(f"{bucket}/shard-000002.tar", b"x" * 600)
    with pytest.raises(DataError, match=rf"^{re.escape(bucket)}/shard-000002\.tar: truncated"):
        pairs[4]
    for address in ("s3://no-such-bucket/x", f"{bucket}/no/such/prefix"):
        with pytest.raises(DataError, match=rf"^{address}/index\.json: "):
            Shards(address)


def test_store_that_does_not_answer_is_one_line(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(DataError, match=rf"^{bucket}/index\.json: cannot be read .*127\.0\.0\.1") as caught:
        Shards(bucket)
    assert "\n" not in str(caught.value)
