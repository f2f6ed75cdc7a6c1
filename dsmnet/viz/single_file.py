"""Pages that are one file: style, script and data inside, nothing fetched, every name escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dsmnet.errors import printable


def fill_page(package: str, name: str, scripts: Sequence[str] = (), **values: Any) -> str:
    """Fill the template NAME.html that lies in a package, with NAME.css and scripts (or NAME.js) beside it.

    Besides `values` the template knows `style`, `script`, and `style_hash` and `script_hash`, by which its
    security policy lets through that one style and that one script.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    files = resources.files(package)
    style = files.joinpath(f"{name}.css").read_text(encoding="utf-8")
    script = "".join(files.joinpath(f"{part}.js").read_text(encoding="utf-8") for part in scripts or [name])
    return environment.get_template(f"{name}.html").render(
        **values,
        style=Markup(style),  # our own files, not to be escaped
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _printable(value: Any) -> Any:
    """Keep control characters of names out of a page; what is `Markup` is our own."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def base64_text(data: bytes) -> str:
    """Return bytes as text that a page can hold."""
    return base64.b64encode(data).decode("ascii")


def hex_color(color: Any) -> str:
    """Return RGB, 8 bit, as ``#rrggbb``."""
    return "#" + bytes(color).hex()


def _hash(text: str) -> str:
    return "sha256-" + base64_text(hashlib.sha256(text.encode("utf-8")).digest())
