"""Count what the reference of a built site has: python docs/site/count_reference.py SITE.

Every option of conf/ has to stand in its page with a meaning, and 95 % of the public functions and classes of
the package in the inventory of the site; else the exit status is 1.
"""

from __future__ import annotations

import html
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
API_SHARE = 0.95
_ROW = re.compile(r"<tr>\s*<td><code>(.*?)</code></td>\s*<td>.*?</td>\s*<td>(.*?)</td>\s*</tr>", re.DOTALL)
_INTERNAL = ("defaults", "hydra", "_target_", "_partial_", "_recursive_", "_convert_", "_args_")


def options_of(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the full names of the options of a configuration file."""
    for key, value in node.items():
        if key in _INTERNAL:
            continue
        if isinstance(value, dict) and value:
            yield from options_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def all_options() -> dict[str, list[str]]:
    """Return the options of every file of conf/, by its name."""
    return {
        path.relative_to(CONF).with_suffix("").as_posix(): list(
            options_of(yaml.safe_load(path.read_text("utf-8")) or {})
        )
        for path in sorted(CONF.rglob("*.yaml"))
    }


def missing_options(site: Path) -> list[str]:
    """Return the options that the pages of a site lack, or say nothing of."""
    missing = []
    for file, names in all_options().items():
        group, _, _ = file.partition("/")
        kind, page = ("options", group) if "/" in file else ("commands", file)
        if file in ("base", "tiles"):  # shared by programs, of which predict has both
            page = "predict"
        if not names:
            continue
        text = (site / "reference" / kind / page / "index.html").read_text("utf-8")
        if kind == "options":  # the section of the file alone
            anchor = file.replace("/", "")
            text = text.partition(f'id="{anchor}"')[2].partition("<h2")[0]
        meanings = {html.unescape(name): about for name, about in _ROW.findall(text)}
        missing += [f"{file}: {name}" for name in names if not meanings.get(name, "").strip()]
    return missing


def missing_names(site: Path) -> tuple[list[str], int]:
    """Return the public names that the inventory of a site lacks, and how many there are."""
    from reference import public_names

    lines = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode().splitlines()
    found = {line.split(" ", 1)[0] for line in lines}
    names = [
        ".".join((*path.relative_to(ROOT).with_suffix("").parts, name)).replace(".__init__", "")
        for path in sorted((ROOT / "dsmnet").rglob("*.py"))
        for name in public_names(path)
    ]
    return [name for name in names if name not in found], len(names)


def main() -> int:
    """Print both counts and what is missing; return the exit status."""
    site = Path(sys.argv[1])
    options, count = missing_options(site), sum(map(len, all_options().values()))
    names, total = missing_names(site)
    lines = [f"options documented: {count - len(options)} of {count}", *options]
    lines += [f"public API documented: {total - len(names)} of {total}", *names]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(bool(options) or len(names) > (1 - API_SHARE) * total)


if __name__ == "__main__":
    raise SystemExit(main())
