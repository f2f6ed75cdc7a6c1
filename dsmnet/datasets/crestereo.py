"""CREStereo's training set: rendered objects with dense disparity of both views."""

from __future__ import annotations

from collections.abc import Sequence

from dsmnet.datasets.base import About, StereoDataset, choose_some
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.disparity import png16

KINDS = ("tree", "shapenet", "reflective", "hole")


class CreStereo(StereoDataset):
    """The synthetic set of CREStereo, 200,000 pairs (Li et al., CVPR 2022)."""

    name = "crestereo"
    about = About(
        "https://github.com/megvii-research/CREStereo",
        "none stated for the data; the repository that offers it: Apache-2.0",
        "Li et al., CVPR 2022",
        size="1920x1080",
        download="the archives that `dataset_download.sh` names. Unpack the archives of a kind into its "
        "folder.",
    )

    @staticmethod
    def published(kinds: Sequence[str] = KINDS) -> int | None:
        """Return the number of pairs of all kinds together; that of a single kind is not stated."""
        return 200_000 if set(choose_some("kinds", kinds, KINDS)) == set(KINDS) else None

    @staticmethod
    def tree(kinds: Sequence[str] = KINDS) -> Tree:
        """Return patterns and codecs."""
        layouts = tuple(
            Layout(
                name=f"{kind}_{{scene}}",
                left=f"{kind}/{{scene}}_left.jpg",
                right=f"{kind}/{{scene}}_right.jpg",
                disparity=(f"{kind}/{{scene}}_left.disp.png",),
                right_disparity=f"{kind}/{{scene}}_right.disp.png",
            )
            for kind in choose_some("kinds", kinds, KINDS)
        )
        return Tree(layouts, png16(32))
