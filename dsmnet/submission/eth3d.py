"""The upload of ETH3D's low-resolution two-view benchmark: a PFM and a text file with the run time per scene.

https://www.eth3d.net/documentation#result-submission; the benchmark also shows results on its training pairs.
"""

from __future__ import annotations

from dsmnet.submission.form import UploadForm


def eth3d() -> UploadForm:
    """Return ``low_res_two_view/SCENE.pfm`` and ``SCENE.txt``, which reads ``runtime 1.23``."""
    scene = "low_res_two_view/{name}"
    return UploadForm(
        disparity=f"{scene}.pfm", maps="pfm", time=f"{scene}.txt", time_line="runtime {seconds}"
    )
