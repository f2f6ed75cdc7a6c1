"""UnrealStereo4K: rendered places at 3840 x 2160, with dense disparity of both views."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset, choose
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.npy import NPY

_SUFFIXES = {"full": "png", "quarter": "jpg"}


class UnrealStereo4K(StereoDataset):
    """UnrealStereo4K, 8,200 pairs of nine places (Tosi et al., CVPR 2021).

    ::

        UnrealStereo4K/00000/
            Image0/00000.png    left view      (resolution=quarter: .jpg)
            Image1/00000.png    right view
            Disp0/00000.npy     disparity of the left view, 0 unknown
            Disp1/00000.npy     of the right view

    The authors' lists come with dsmnet: ``subset=unrealstereo4k_train``, ``_val``, ``_test``, and
    ``_out_test``, a place that the others do not show.

    Args:
        root: Folder that holds 00000/ to 00008/.
        resolution: ``full`` or ``quarter`` (960 x 540, a download of its own).
        require_ground_truth: Leave out pairs without a disparity map.
        subset: Only the pairs that a list names, see `dsmnet.datasets.subsets`.
    """

    name = "unrealstereo4k"
    about = About(
        "https://github.com/fabiotosi92/SMD-Nets",
        "none stated for the data; the repository that offers it: MIT",
        "Tosi, Liao, Schmitt, Geiger, CVPR 2021",
    )

    @staticmethod
    def published(resolution: str = "full") -> int:
        """Return the number of pairs: 1,000 of each place, 200 of the last."""
        return 8200

    @staticmethod
    def tree(resolution: str = "full") -> Tree:
        """Return patterns and codecs."""
        suffix = _SUFFIXES[choose("resolution", resolution, tuple(_SUFFIXES))]
        layout = Layout(
            name="{place}_{frame}",
            left=f"{{place}}/Image0/{{frame}}.{suffix}",
            right=f"{{place}}/Image1/{{frame}}.{suffix}",
            disparity=("{place}/Disp0/{frame}.npy",),
            right_disparity="{place}/Disp1/{frame}.npy",
        )
        return Tree((layout,), NPY)
