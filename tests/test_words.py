"""Words of the glossary: what the worst of the old ones are, and argument lines that do not stand alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    path
    for folder in ("dsmnet", "benchmarks", "tools", "conf", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".yaml", ".md") and path.name not in ("glossary.md", "renamed.py")
] + [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
BANNED = {  # regular expression -> what the field says
    r"\bheld[- ]back\b": "validation split",
    r"(?<![Gg]round )(?<!ground_)(?<!ground-)\b[Tt]ruths?\b": "ground truth, target",
    r"\breach\b": "max_disparity, radius",
    r"\b[Tt]aps?\b": "hook",
    r"\b(lefts|rights)\b": "left_features, right_features",
    r"\bfootprint\b": "memory estimate",
    r"\bquotas?\b": "weighted interleaving",
    r"\brivals?\b": "baseline, comparison",
    r"\bstencils?\b": "alpha mask",
    r"[Cc]olour": "color",
    r"\bnot built\b|\bunbuilt\b": "lazy cost volume",
    r"\b[Aa]nswers?\b": "prediction",
    r"\bcauses\b": "error breakdown",
    r"\bstaging\b|whole or not there": "atomic write",
    r"jsonable|\bTally\b|choose_by_match": "what it is",
}
STARTS = re.compile(r"(Of|What|Where|Whose|Which|As in|See) ")


def test_banned_words_do_not_come_back() -> None:
    assert len(FILES) > 300
    banned = {re.compile(word): instead for word, instead in BANNED.items()}
    found = [
        f"{path.relative_to(ROOT)}:{number}: {word.pattern} (say {instead}): {line.strip()[:80]}"
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for word, instead in banned.items()
        if word.search(line)
    ]
    assert found == []


def test_pages_that_use_an_abbreviation_of_an_error_link_to_its_meaning() -> None:
    used = re.compile(r"\b(EPE|bad-\d|GMACs?)\b|\bD1 (?:%|\d)|\bnoc\b(?!:)")
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    texts = {page.name: re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL) for page in pages}
    needing = {name: text for name, text in texts.items() if used.search(text) and name != "glossary.md"}
    assert len(needing) > 10
    assert [name for name, text in needing.items() if "glossary.md" not in text] == []


def argument_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number of the definition, argument and its description."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        section = ""
        for line in (ast.get_docstring(node) or "").splitlines():
            if line and not line.startswith(" "):
                section = line.removesuffix(":") if line.endswith(":") else ""
            found = re.match(r" {4}([\w*, ]+): (.*)", line)
            if found and section in ("Args", "Attributes", "Raises"):
                yield node.lineno, found[1], found[2]


def test_argument_lines_of_docstrings_stand_alone() -> None:
    """Each is a noun phrase that begins with a capital letter or code, and not with "of"."""
    lines = [
        (f"{path.relative_to(ROOT)}:{number}: {name}: {text[:80]}", text)
        for path in FILES
        if path.suffix == ".py"
        for number, name, text in argument_lines(path)
    ]
    assert len(lines) > 400  # that they are found at all
    assert [where for where, text in lines if not text[:1].isupper() and text[:1].isalpha()] == []
    assert [where for where, text in lines if STARTS.match(text)] == []
