"""Old names of options: what Hydra refuses is explained by the new name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException

from dsmnet.cli.arguments import explain_refusal
from dsmnet.cli.renamed import RENAMED, new_name
from dsmnet.config import compose
from dsmnet.errors import UserError


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_explain_refusal_of_an_old_name_gives_the_new_one(old: str, new: str) -> None:
    tool, _, name = old.rpartition(":")
    name, new = name.replace("*", "psmnet"), new.replace("*", "psmnet")
    error = ConfigCompositionException(f"Could not override '{name}'.\nKey '{name}' is not in struct")
    said = explain_refusal(error, tool or "predict", lambda: [], lambda _: "")
    assert said == f"{name}: is now called {new}"


def test_new_name_is_none_for_another_option_and_another_tool() -> None:
    assert new_name("train", "serch_range") is None
    assert new_name("evaluate", "benchmark") is None


@pytest.mark.parametrize(
    "override", ["search_range=3", "dataset.max_disparity=3", "protocol.include_max=true"]
)
def test_hydra_refuses_an_old_name_in_the_words_that_are_explained(override: str) -> None:
    with pytest.raises(UserError, match=f"Could not override '{override.partition('=')[0]}'"):
        compose("train", [override])


def test_upgrade_notes_name_every_renamed_option() -> None:
    notes = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text("utf-8")
    rows = [line for line in notes.splitlines() if line.startswith("|")]
    for old, new in RENAMED.items():
        tool, _, name = old.rpartition(":")
        assert any(f"`{name}`" in row and f"`{new}`" in row and tool in row for row in rows), old
