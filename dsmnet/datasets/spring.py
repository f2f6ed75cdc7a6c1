"""Spring: frames of an animated film with very detailed disparity."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset, choose
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.masks import MATCH_MAP
from dsmnet.io.spring_disparity import DSP5

_PUBLISHED = {"train": 5000, "test": 1000}


class Spring(StereoDataset):
    """Spring, 5,000 training pairs in 37 sequences, 1,000 test pairs in 10 (Mehl et al., CVPR 2023).

    ::

        spring/{train,test}/0001/
            frame_left/frame_left_0001.png
            frame_right/frame_right_0001.png
            disp1_left/disp1_left_0001.dsp5       HDF5 at twice the size, nan unknown; training only
            disp1_right/disp1_right_0001.dsp5     of the right view
            maps/matchmap_disp1_left/matchmap_disp1_left_0001.png    red or green: not seen by the right view

    Reading the disparity needs h5py (``pip install 'dsmnet[spring]'``). The sky lies at 0 px and so counts
    as unknown. The validation split has whole sequences.

    Args:
        root: Folder that holds train/ and test/.
        split: ``train`` or ``test``; the latter has no ground truth.
        require_ground_truth: Leave out pairs without a disparity map.
        subset: Only the pairs that a list names, see `dsmnet.datasets.subsets`.
    """

    name = "spring"
    about = About("https://spring-benchmark.org", "CC BY 4.0", "Mehl et al., CVPR 2023")

    @staticmethod
    def published(split: str = "train") -> int:
        """Return the number of pairs of a split, with the left view as reference."""
        return _PUBLISHED[split]

    @staticmethod
    def tree(split: str = "train") -> Tree:
        """Return patterns and codecs."""
        folder = choose("split", split, tuple(_PUBLISHED)) + "/{sequence}"
        layout = Layout(
            name="{sequence}_{frame}",
            left=f"{folder}/frame_left/frame_left_{{frame}}.png",
            right=f"{folder}/frame_right/frame_right_{{frame}}.png",
            disparity=(f"{folder}/disp1_left/disp1_left_{{frame}}.dsp5",),
            right_disparity=f"{folder}/disp1_right/disp1_right_{{frame}}.dsp5",
            noc=f"{folder}/maps/matchmap_disp1_left/matchmap_disp1_left_{{frame}}.png",
        )
        return Tree((layout,), DSP5, MATCH_MAP)

    def _scene(self, pair: Pair) -> str:
        return pair.left.parent.parent.name
