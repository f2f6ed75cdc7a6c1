"""UnrealStereo4K: rendered places at 3840 x 2160, with dense disparity of both views."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.npy import NPY
from dsmnet.options import check_choice

_SUFFIXES = {"full": "png", "quarter": "jpg"}


class UnrealStereo4K(StereoDataset):
    """UnrealStereo4K, 8,200 pairs of nine places (Tosi et al., CVPR 2021).

    The authors' lists come with dsmnet: ``subset=unrealstereo4k_train``, ``_val``, ``_test``, and
    ``_out_test``, a place that the others do not show.
    """

    name = "unrealstereo4k"
    about = About(
        "https://github.com/fabiotosi92/SMD-Nets",
        "none stated for the data; the repository that offers it: MIT",
        "Tosi, Liao, Schmitt, Geiger, CVPR 2021",
        pairs=8200,  # 1,000 of each place, 200 of the last
        size="3840x2160, 960x540",
        download="`UnrealStereo4K_00000.zip` to `_00008.zip`. Unpack the archives of the nine places "
        "into the one folder.",
    )

    @staticmethod
    def tree(resolution: str = "full") -> Tree:
        """Return patterns and codecs.

        Args:
            resolution: ``full`` or ``quarter`` (960 x 540, a download of its own).
        """
        suffix = _SUFFIXES[check_choice("resolution", resolution, _SUFFIXES)]
        layout = Layout(
            name="{place}_{frame}",
            left=f"{{place}}/Image0/{{frame}}.{suffix}",
            right=f"{{place}}/Image1/{{frame}}.{suffix}",
            disparity=("{place}/Disp0/{frame}.npy",),
            right_disparity="{place}/Disp1/{frame}.npy",
        )
        return Tree((layout,), NPY)
