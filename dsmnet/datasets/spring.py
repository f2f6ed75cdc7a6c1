"""Spring: frames of an animated film with very detailed disparity."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.masks import MATCH_MAP
from dsmnet.io.spring_disparity import DSP5
from dsmnet.options import check_choice


class Spring(StereoDataset):
    """Spring, 5,000 training pairs in 37 sequences, 1,000 test pairs in 10 (Mehl et al., CVPR 2023).

    Reading the disparity needs h5py (``pip install 'dsmnet[spring]'``). The sky lies at 0 px and so counts
    as unknown. The validation split has whole sequences.
    """

    name = "spring"
    about = About(
        "https://spring-benchmark.org",
        "CC BY 4.0",
        "Mehl et al., CVPR 2023",
        pairs={"train": 5000, "test": 1000},
        size="1920x1080",
        download="frames, `disp1_left`, `maps` of train and test. All archives begin with `spring/`. "
        "Reading the ground truth needs h5py: `pip install 'dsmnet[spring]'`.",
    )

    @staticmethod
    def tree(split: str = "train") -> Tree:
        """Return patterns and codecs."""
        folder = check_choice("split", split, ("train", "test")) + "/{sequence}"
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
