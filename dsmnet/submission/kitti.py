"""The uploads of KITTI 2012 and 2015: 16-bit images, named like the left views; no run times.

Development kits: KITTI 2012 wants the files of the 195 test pairs in the root of the archive, KITTI 2015
those of the 200 test pairs in the folder ``disp_0``. The run time is entered on the page of the upload.
"""

from __future__ import annotations

from dsmnet.submission.form import UploadForm


def kitti2012() -> UploadForm:
    """Return ``000000_10.png`` to ``000194_10.png``."""
    return UploadForm(disparity="{name}.png", maps="png16")


def kitti2015() -> UploadForm:
    """Return ``disp_0/000000_10.png`` to ``disp_0/000199_10.png``."""
    return UploadForm(disparity="disp_0/{name}.png", maps="png16")
