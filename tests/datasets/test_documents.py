"""The marked tables of the documents say what the code, yaml files and measurements say."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
import torch
import yaml

from dsmnet import build_model
from dsmnet.config import config_dir

ROOT = config_dir().parent
TABLES = runpy.run_path(str(ROOT / "docs" / "tables.py"))
DOCUMENTS, document_sections, update_document = (
    TABLES[name] for name in ("DOCUMENTS", "document_sections", "update_document")
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_are_current(document: Path) -> None:
    text = document.read_text("utf-8")
    assert text == update_document(text), f"{document} is out of date: python docs/tables.py"


def test_documents_have_every_section() -> None:
    marked = re.findall(r"<!-- (\w+): ", "".join(document.read_text("utf-8") for document in DOCUMENTS))
    assert sorted(marked) == sorted(document_sections())


def test_sections_name_every_published_set() -> None:
    found = list(TABLES["find_readers"]())
    assert len(found) > 20
    sections = document_sections()
    drawn = (ROOT / "data" / "README.md").read_text("utf-8")
    for cls, _ in found:
        assert f"[`{cls.name}`]({cls.about.home})" in sections["sets"]
        assert f"| `{cls.name}` | `" in sections["archives"]
        assert f"### `{cls.name}`\n\n    " in drawn
        assert (config_dir() / "dataset" / f"{cls.name}.yaml").is_file()


def test_model_zoo_has_every_network_as_it_is() -> None:
    facts = yaml.safe_load((ROOT / "docs" / "networks.yaml").read_text("utf-8"))
    known = {path.stem for path in (config_dir() / "model").glob("*.yaml")} - {"tiny"}
    assert set(facts) == known
    for name, run in json.loads((ROOT / "docs" / "runs" / "networks.json").read_text("utf-8")).items():
        with torch.device("meta"):
            net = build_model(name, overrides=facts[name]["options"].split())
        assert sum(parameter.numel() for parameter in net.parameters()) == run["parameters"], name


@pytest.mark.parametrize("group", ["transform", "protocol"])
def test_every_transform_and_protocol_is_described(group: str) -> None:
    text = (ROOT / "docs" / "data.md").read_text("utf-8")
    table = text.partition(f"## {group.capitalize()}s")[2].partition("\n## ")[0]
    known = {path.stem for path in (config_dir() / group).glob("*.yaml")}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == known
