"""Both views in one picture, beside each other or one above the other."""

from __future__ import annotations

from pathlib import Path

from dsmnet.errors import DataError, UserError
from dsmnet.types import Image

LAYOUTS = ("separate", "side_by_side", "top_bottom")


def check_layout(layout: str, right: object, what: str) -> bool:
    """Return whether one picture holds both views, as ``layout=`` says; that needs ``right=null``.

    Raises:
        UserError: There is no such layout, or `right` does not fit it; `what` was expected on both sides.
    """
    if layout not in LAYOUTS:
        raise UserError(f"layout={layout}: expected one of {', '.join(LAYOUTS)}")
    if (layout == "separate") == (right is None):
        raise UserError(
            f"layout={layout} right={right}: expected {what} on both sides with "
            "layout=separate, or right=null with layout=side_by_side or top_bottom"
        )
    return layout != "separate"


def split_views(picture: Image, layout: str, path: Path | str) -> tuple[Image, Image]:
    """Return the left and the right view of a picture: its left and right half, or its upper and lower one.

    Raises:
        DataError: The side that is halved has an odd number of pixels; `path` names the picture.
    """
    axis = 1 if layout == "side_by_side" else 0
    length = picture.shape[axis]
    if length % 2:
        raise DataError(f"{path}: a {('height', 'width')[axis]} of {length} cannot be halved into two views")
    if axis:
        return picture[:, : length // 2].copy(), picture[:, length // 2 :].copy()
    return picture[: length // 2], picture[length // 2 :]
