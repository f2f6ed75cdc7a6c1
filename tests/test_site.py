"""The site: reference from conf/ and the package, tutorials that run, figures of the networks."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from dsmnet import build_model
from dsmnet.cli.usage import options

DOCS = Path(__file__).resolve().parents[1] / "docs"
sys.path.insert(0, str(DOCS / "site"))
import reference  # noqa: E402
import tutorials  # noqa: E402
from count_reference import all_options  # noqa: E402
from settings import describe_files, read_settings  # noqa: E402

SLOW = ("train_on_pairs", "adapt", "compare_norms", "own_camera")  # more than ten seconds


def test_every_option_of_every_file_has_a_meaning() -> None:
    described = describe_files(reference.CONF)
    expected = all_options()
    assert sum(map(len, expected.values())) > 1000
    for file, names in expected.items():
        assert [setting.name for setting in described[file]] == names, file
        assert [setting.name for setting in described[file] if not setting.about] == [], file


@pytest.mark.parametrize("program", ["train", "predict", "evaluate", "adapt", "benchmark"])
def test_page_of_a_program_says_what_its_help_says(program: str) -> None:
    page = reference.option_pages()[f"reference/commands/{program}.md"]
    known = options(reference.CONF, program)
    assert len({option.name for option in known}) == len(known)
    assert len(known) > 10
    for option in known:
        starts = (f"| `{option.name}` |", f"| [`{option.name}`]", f"| `{option.name}.")
        rows = [line.replace("\\", "") for line in page.splitlines() if line.startswith(starts)]
        assert rows, option.name
        assert all(option.about.lower() in row.lower() or "." in row.split("`")[1] for row in rows)
        if rows[0].startswith(starts[0]):
            assert option.default.strip('"') in rows[0]


def test_group_has_a_section_for_each_choice() -> None:
    pages = reference.option_pages()
    for path in reference.CONF.glob("*/*.yaml"):
        assert f"\n## {path.parent.name}={path.stem}\n" in pages[f"reference/options/{path.parent.name}.md"]


def test_option_without_a_comment_has_the_meaning_that_its_class_states(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(
        "_target_: dsmnet.synthetic.SyntheticStereo\nseed: 3\nname: 'a # b'  # said here\n"
        "crop: {height: 1, width: 2}  # pixels\nlist:\n  - [1, 2]\n"
    )
    assert read_settings(file) == [
        ("seed", "3", "Seed of scenes and textures."),
        ("name", "a # b", "said here"),
        ("crop.height", "1", "pixels"),
        ("crop.width", "2", "pixels"),
        ("list", "[[1, 2]]", ""),
    ]


def test_pages_of_the_api_name_every_module_with_something_public() -> None:
    named = {
        line[4:] for page in reference.api_pages().values() for line in page.splitlines() if line[:3] == ":::"
    }
    package = reference.ROOT / "dsmnet"
    modules = {
        ".".join(path.relative_to(reference.ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
        if list(reference.public_names(path))
    }
    assert len(modules) > 200
    assert modules <= named


TUTORIAL = """# %% [markdown]
# # Title
#
# Text.

# %%
a = 2
# !echo hello \\
#     there
a + 1

# %%
import matplotlib.pyplot as plt
plt.plot([1, 2]);
"""


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tutorials, "FOLDER", tmp_path)
    (tmp_path / "one.py").write_text(TUTORIAL)
    return tmp_path


def test_tutorial_becomes_page_and_notebook(tutorial: Path) -> None:
    before = Path.cwd()
    outputs = tutorials.run_tutorial("one", tutorial)
    assert Path.cwd() == before
    assert outputs[0] == ("hello there\n3", [])
    assert (tutorial / outputs[1].pictures[0]).read_bytes()[:4] == b"\x89PNG"
    page = tutorials.tutorial_page("one", outputs)
    for said in ("# Title\n\nText.", "```bash\necho hello \\\n    there\n```", "hello there\n3"):
        assert said in page
    cells = json.loads(tutorials.notebook("one"))["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "code"]
    assert {"!echo hello \\\n", "    there\n"} <= {*cells[1]["source"]}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("# !exit 3", "status 3"),
        ("# !dsmnet predict left=no.png right=no.png", "left=no.png"),
        ("1 / 0", "division"),
    ],
)
def test_tutorial_that_fails_says_where(tutorial: Path, wrong: str, said: str) -> None:
    (tutorial / "one.py").write_text(f"# %%\n{wrong}\n")
    with pytest.raises((RuntimeError, ZeroDivisionError), match=said):
        tutorials.run_tutorial("one", tutorial)


@pytest.mark.parametrize("name", tutorials.NAMES)
def test_first_cell_of_a_tutorial_installs_the_package_where_it_is_missing(name: str) -> None:
    code = next(cell.source for cell in tutorials.read_cells(name) if not cell.is_text)
    assert 'find_spec("dsmnet") is None' in code
    assert '"pip", "install"' in code


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in tutorials.NAMES]
)
def test_tutorial_runs(name: str, tmp_path: Path) -> None:
    outputs = tutorials.run_tutorial(name, tmp_path)
    pictures = [tmp_path / picture for output in outputs for picture in output.pictures]
    assert pictures
    assert all(path.stat().st_size > 5000 for path in pictures)


def test_figure_of_a_network_has_the_parts_that_a_pair_passes() -> None:
    script = runpy.run_path(str(DOCS / "figures" / "architectures.py"))
    parts = script["trace"]("tiny", [])
    net = build_model("tiny").net
    assert [part.name for part in parts] == ["backbone", "volume", "aggregation", "regression", "refinement"]
    assert sum(part.parameters for part in parts) == sum(each.numel() for each in net.parameters())
    assert "planes at 1/4" in parts[1].shapes


def test_the_checks_build_the_site_so_that_a_warning_fails_them() -> None:
    (command,) = [
        line
        for line in (DOCS.parent / ".ci" / "run").read_text("utf-8").splitlines()
        if "mkdocs build" in line
    ]
    assert "--strict" in command
    assert not {"--quiet", "-q"} & {*command.split()}, "keeps warnings from --strict"
