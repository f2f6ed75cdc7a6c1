"""Calibration files of Argoverse, with values worked out by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dsmnet.errors import FormatError
from dsmnet.io.argoverse_calibration import read_argoverse_calibration, write_argoverse_calibration
from dsmnet.types import Calibration

CAMERAS = {
    "image_raw_ring_front_center": {"focal_length_x_px_": 1.0},
    "image_raw_stereo_front_left_rect": {
        "focal_length_x_px_": 4000.0, "focal_center_x_px_": 937.5, "focal_center_y_px_": 1063.25, "Txf_": 0,
    },
    "image_raw_stereo_front_right_rect": {
        "focal_length_x_px_": 4000.0, "focal_center_x_px_": 939.5, "focal_center_y_px_": 1063.25,
        "Txf_": -1200.0,
    },
}  # fmt: skip


def test_argoverse_calibration_by_hand(tmp_path: Path) -> None:
    entries = [{"key": key, "value": value} for key, value in CAMERAS.items()]
    path = tmp_path / "calib.json"
    path.write_text(json.dumps({"camera_data_": entries}))
    found = read_argoverse_calibration(path)
    assert found == Calibration(focal=4000, baseline=0.3, cx=937.5, cy=1063.25, doffs=2)
    write_argoverse_calibration(tmp_path / "new" / "calib.json", found, (2056, 2464))
    assert read_argoverse_calibration(tmp_path / "new" / "calib.json") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a calibration"),
        ('{"camera_data_": [', "not a calibration"),
        ("[]", "not a calibration"),
        ("{}", "no entry 'camera_data_'"),
        ('{"camera_data_": []}', "no entry 'image_raw_stereo_front_left_rect'"),
        (json.dumps({"camera_data_": [{"key": key, "value": {}} for key in CAMERAS]}), "no entry 'focal_"),
        ('{"camera_data_": 3}', "not a calibration"),
    ],
)
def test_a_broken_calibration_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "calib.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=f"{re.escape(str(path))}: .*{message}"):
        read_argoverse_calibration(path)
