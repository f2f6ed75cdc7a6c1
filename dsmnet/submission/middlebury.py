"""The upload of the third Middlebury benchmark: a PFM and a text file with the run time per scene.

https://vision.middlebury.edu/stereo/submit3/upload-format.html and the README of the SDK: either the 15
training pairs alone (compared with others, not published) or all 30 of one resolution.
"""

from __future__ import annotations

from dsmnet.submission.form import UploadForm


def middlebury(resolution: str) -> UploadForm:
    """Return ``{training,test}{F,H,Q}/SCENE/disp0METHOD.pfm`` and ``timeMETHOD.txt``, a number."""
    scene = f"{{split}}{resolution}/{{name}}"
    return UploadForm(
        disparity=f"{scene}/disp0{{method}}.pfm", maps="pfm", time=f"{scene}/time{{method}}.txt"
    )
