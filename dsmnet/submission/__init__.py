"""Uploads to the benchmarks: their forms, writing them, and checking what was written.

The forms were taken from what the benchmarks publish: the development kits of KITTI 2012 and 2015,
Middlebury's upload format and SDK, and for ETH3D the submission writer of the Robust Vision Challenge.
"""

from dsmnet.submission.answers import Answer, expected_answers, lacking
from dsmnet.submission.form import UploadForm
from dsmnet.submission.validator import method_of, validate
from dsmnet.submission.writer import pack, predict_answers

__all__ = [
    "Answer",
    "UploadForm",
    "expected_answers",
    "lacking",
    "method_of",
    "pack",
    "predict_answers",
    "validate",
]
