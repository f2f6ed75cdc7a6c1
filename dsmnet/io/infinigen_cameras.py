"""Cameras as Infinigen stores them: of each view an ``.npz`` with its matrix K [3, 3] and its pose T [4, 4].

A pose leads from the coordinates of the camera to those of the scene, whose unit is taken for a metre.
Format: https://github.com/princeton-vl/infinigen, docs/source/GroundTruthAnnotations.md
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError
from dsmnet.io.calibration import CalibrationCodec, complete
from dsmnet.io.decoding import MOST_TEXT, decoding
from dsmnet.io.images import read_bytes, write_bytes
from dsmnet.io.npy import decode_npy
from dsmnet.io.stated_cameras import checked
from dsmnet.types import Calibration

_SHAPES = {"K": (3, 3), "T": (4, 4)}


def read_infinigen_cameras(path: Path) -> Calibration:
    """Read the calibration of a pair by the file of its left camera; that of the right one lies beside it."""
    (matrix, pose), (right_matrix, right_pose) = _read_camera(path), _read_camera(_right(path))
    with decoding(path, "not the cameras of a rectified pair"):
        baseline = float(np.linalg.norm(right_pose[:3, 3] - pose[:3, 3]))
        focal, cx, cy = (float(matrix[place]) for place in ((0, 0), (0, 2), (1, 2)))
        return checked(Calibration(focal, baseline, cx, cy, float(right_matrix[0, 2]) - cx), path)


def write_infinigen_cameras(path: Path, calibration: Calibration, size: tuple[int, int]) -> None:
    """Write both cameras of views of `size` (height, width); a largest disparity is not stored."""
    focal, baseline, cx, cy = complete(calibration)
    for file, x, shift in ((path, cx, 0.0), (_right(path), cx + calibration.doffs, baseline)):
        pose, matrix = np.eye(4), np.array([[focal, 0, x], [0, focal, cy], [0, 0, 1]])
        pose[0, 3] = shift
        stored = io.BytesIO()
        np.savez(stored, K=matrix, T=pose, HW=np.array(size))
        write_bytes(file, stored.getvalue())


INFINIGEN_CAMERAS = CalibrationCodec(read_infinigen_cameras, write_infinigen_cameras)


def _read_camera(path: Path) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return K and T; nothing in the file is executed."""
    data = read_bytes(path, MOST_TEXT)
    expected = "expected an .npz with the arrays K [3, 3] and T [4, 4] of numbers"
    with decoding(path, expected), zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = []
        for name, shape in _SHAPES.items():
            entry = archive.getinfo(f"{name}.npy")
            if entry.file_size > MOST_TEXT:
                raise FormatError(f"{path}: {expected}, but {name} has {entry.file_size} bytes")
            values = decode_npy(archive.read(entry), path)
            if values.shape != shape:
                raise FormatError(f"{path}: {expected}, but {name} is {list(values.shape)}")
            found.append(values)
    return found[0], found[1]


def _right(path: Path) -> Path:
    """Of camera_0/camview_0_0_0001_0.npz return camera_1/camview_0_0_0001_1.npz."""
    return path.parents[1] / "camera_1" / f"{path.stem[:-1]}1{path.suffix}"
