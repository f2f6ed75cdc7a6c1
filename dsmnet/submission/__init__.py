"""Uploads to the benchmarks: their forms, packing predictions into them, and checking what was packed.

The forms, in ``conf/upload``, were taken from what the benchmarks publish: the development kits of KITTI 2012
and 2015, Middlebury's upload format and SDK, and for ETH3D the submission writer of the Robust Vision
Challenge.
"""

from dsmnet.submission.packing import MapWriter, pack_upload
from dsmnet.submission.upload_check import method_of, validate_upload
from dsmnet.submission.upload_form import (
    UploadEntry,
    UploadForm,
    check_method,
    lacking_pairs,
    upload_entries,
)

__all__ = [
    "MapWriter",
    "UploadEntry",
    "UploadForm",
    "check_method",
    "lacking_pairs",
    "method_of",
    "pack_upload",
    "upload_entries",
    "validate_upload",
]
