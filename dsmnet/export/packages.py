"""The packages of the extra `export`, imported when they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from dsmnet.errors import UserError


def need(name: str, purpose: str) -> ModuleType:
    """Import a package of the extra.

    Raises:
        UserError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"{purpose} needs {name}, which cannot be imported ({error}): pip install 'dsmnet[export]'"
        ) from None
