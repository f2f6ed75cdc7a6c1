"""Which checkpoints are compared, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from dsmnet.errors import UserError
from dsmnet.evaluation.checkpoint_labels import checkpoint_labels, chosen_checkpoints


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["runs/a.ckpt", "other/b.safetensors"], ["a", "b"]),
        (["runs/x/weights.safetensors", "runs/y/weights.safetensors"], ["x", "y"]),
        # the nearest folder is the same
        (["runs/x/checkpoints/best.ckpt", "runs/y/checkpoints/best.ckpt"], ["x", "y"]),
        # only equal stems need their folder
        (["runs/x/best.ckpt", "runs/y/best.ckpt", "z.ckpt"], ["x", "y", "z"]),
        # no single folder tells three apart
        (["a/x/w.ckpt", "a/y/w.ckpt", "b/x/w.ckpt"], ["a/x/w.ckpt", "a/y/w.ckpt", "b/x/w.ckpt"]),
        (["a/w.ckpt", "a/w.safetensors"], ["w.ckpt", "w.safetensors"]),
        # a folder that is another's stem
        (["x/w.ckpt", "y/w.ckpt", "x.ckpt"], ["x/w.ckpt", "y/w.ckpt", "x.ckpt"]),
        # one lies deeper
        (["w.ckpt", "x/w.ckpt"], ["w.ckpt", "x/w.ckpt"]),
    ],
)
def test_labels_are_short_and_unique(paths: list[str], expected: list[str], monkeypatch: Any) -> None:
    monkeypatch.chdir("/")
    assert checkpoint_labels(paths) == expected


def test_a_baseline_keeps_its_name() -> None:
    found = checkpoint_labels(["runs/sgbm.ckpt", "runs/b.ckpt"], reserved=["sgbm"])
    assert found == ["sgbm.ckpt", "b.ckpt"]


def test_without_compare_there_is_one_checkpoint() -> None:
    assert chosen_checkpoints("a.ckpt", None) == {"": "a.ckpt"}
    assert chosen_checkpoints(None, None) == {"": None}


def test_the_checkpoint_comes_first_and_null_is_what_ships() -> None:
    assert chosen_checkpoints("a.ckpt", ["b.ckpt"]) == {"a": "a.ckpt", "b": "b.ckpt"}
    assert chosen_checkpoints(None, [None, "b.ckpt"]) == {"shipped": None, "b": "b.ckpt"}


@pytest.mark.parametrize(
    ("checkpoint", "compare", "said"),
    [
        (None, "a.ckpt", r"expected a list of checkpoints"),
        (None, 3, r"compare=3: expected a list"),
        (None, [], r"two or more checkpoints .*there is none"),
        (None, ["a.ckpt"], r"two or more checkpoints .*there is a\.ckpt"),
        ("a.ckpt", ["b.ckpt", "./a.ckpt"], r"a\.ckpt is named 2 times"),
        (None, ["a.ckpt", 7], r"compare: 7 .*expected a path or null"),
    ],
)
def test_a_wrong_list_is_named(checkpoint: str | None, compare: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        chosen_checkpoints(checkpoint, compare)
