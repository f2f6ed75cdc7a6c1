"""ONNX files that take images, also with float16 convolutions: what others run is what `predict` gives.

The programs under examples/ are built, where a compiler is there, and run without this package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet import build_model, load_model
from dsmnet.export import export
from dsmnet.export.half import halve

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RANGE = 32
SIZES = [(70, 131), (96, 144), (31, 40), (1, 1)]


def pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    left = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    return left, np.roll(left, -5, axis=1)


def run(path: Path, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Run a file as a program without this package does."""
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(["disparity"], {"left": left[None], "right": right[None]})
    assert found.dtype == np.float32
    assert found.shape == (1, *left.shape[:2])
    return found[0]


@pytest.mark.parametrize("size", SIZES)
def test_file_that_takes_images_equals_predict(network: Any, image_files: Any, size: Any) -> None:
    left, right = pair(*size)
    expected = network.predict(left, right, RANGE)
    np.testing.assert_allclose(run(image_files("float32"), left, right), expected, atol=2e-3)
    assert expected.std() > 0.1 or size == (1, 1)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_file_that_takes_images_loads_like_any_other(network: Any, image_files: Any, backend: str) -> None:
    pytest.importorskip("openvino")
    left, right = pair(70, 131)
    exported = load_model(image_files("float32"), backend=backend)
    expected = network.predict(left, right, RANGE)
    for views in ((left, right), (left / np.float32(255), right / np.float32(255))):
        assert np.abs(exported.predict(*views) - expected).mean() < 1e-3


def test_file_of_one_size_and_another_normalisation(tmp_path: Path) -> None:
    net = build_model(
        "tiny", "batch", ["model/normalize=imagenet", "model.widths=[8,8,8]", "model.refine_blocks=[0,0]"]
    )
    file = export(net, tmp_path / "one", "onnx", RANGE, (70, 90), images="uint8")
    shapes = [value.type.tensor_type.shape.dim for value in onnx.load(file).graph.input]
    assert [[dim.dim_value for dim in shape] for shape in shapes] == [[1, 70, 90, 3]] * 2
    left, right = pair(70, 90)
    expected = net.predict(left, right, RANGE)
    np.testing.assert_allclose(run(file, left, right), expected, atol=2e-3)
    np.testing.assert_allclose(load_model(file).predict(left, right), expected, atol=2e-3)


def test_convolutions_but_those_of_the_refinement_are_float16(files: Any, tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    shutil.copy(files("onnx"), path)
    halve(path)
    graph = onnx.load(path).graph
    types = {entry.name: entry.data_type for entry in graph.initializer}
    convolutions = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    for name in convolutions:
        half = types[name] == onnx.TensorProto.FLOAT16
        assert half != ("refinement." in name), name
    assert len({"refinement." in name for name in convolutions}) == 2
    assert path.stat().st_size < files("onnx").stat().st_size
    assert load_model(path).config == load_model(files("onnx")).config


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_file_that_takes_images_in_lower_precision(network: Any, image_files: Any, precision: str) -> None:
    left, right = pair(70, 131)
    expected = network.predict(left, right, RANGE)
    difference = np.abs(run(image_files(precision), left, right) - expected)
    assert 0 < np.median(difference) < (0.01 if precision == "float16" else 1)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ program, built with OpenCV and with ONNX Runtime of $ONNXRUNTIME_ROOT or of the system.

    The library may come from the Python package, which has no headers.
    """
    if not (shutil.which("cmake") and any(map(shutil.which, ("c++", "g++", "clang++")))):
        pytest.skip("no cmake or no C++ compiler")
    folder = tmp_path_factory.mktemp("cpp")
    for library in Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"):
        for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
            (folder / name).symlink_to(library)
    options = [f"-DCMAKE_LIBRARY_PATH={folder}"]
    if "ONNXRUNTIME_ROOT" in os.environ:
        options.append(f"-DONNXRUNTIME_ROOT={os.environ['ONNXRUNTIME_ROOT']}")
    build = ["cmake", "-S", EXAMPLES / "cpp", "-B", folder / "build", *options]
    configured = subprocess.run(build, capture_output=True, text=True, check=False)
    for missing in ("OpenCV", "ONNXRUNTIME_INCLUDE", "ONNXRUNTIME_LIBRARY"):
        if configured.returncode and f"{missing}" in configured.stderr:
            pytest.skip(f"CMake does not find {missing}: libopencv-dev, or ONNXRUNTIME_ROOT, is missing")
    assert configured.returncode == 0, configured.stderr
    subprocess.run(["cmake", "--build", folder / "build"], check=True, capture_output=True)
    return folder / "build" / "stereo"


def check(command: list[Any], network: Any, folder: Path) -> None:
    """Run a program on a pair of odd size, and on files that are no images."""
    left = np.random.default_rng(0).integers(0, 256, (70, 131, 3), np.uint8)
    views = [left, np.roll(left, -5, axis=1)]
    files = [folder / "left view.png", folder / "right.png", folder / "out.tiff"]
    for file, view in zip(files, views, strict=False):
        cv2.imwrite(str(file), view[..., ::-1])

    def run(*arguments: Any) -> Any:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd=folder)

    done = run(*files)
    assert done.returncode == 0, done.stderr
    found = cv2.imread(str(files[2]), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.predict(*views, RANGE), atol=2e-3)
    for arguments, message in (
        ((files[0], folder / "none.png", files[2]), "none.png: expected an image"),
        ((*files[:2], folder / "none" / "out.tiff"), "out.tiff: cannot be written"),
    ):
        refused = run(*arguments)
        assert refused.returncode == 1
        assert refused.stderr.splitlines()[-1].endswith(message)


def test_python_program_equals_predict(network: Any, image_files: Any, tmp_path: Path) -> None:
    program = EXAMPLES / "python_onnxruntime.py"
    assert "dsmnet import" not in program.read_text("utf-8")
    check([sys.executable, "-I", program, image_files("float32")], network, tmp_path)


def test_cpp_program_equals_predict(stereo: Path, network: Any, image_files: Any, tmp_path: Path) -> None:
    check([stereo, image_files("float32")], network, tmp_path)


def test_cpp_program_prints_metres(stereo: Path, network: Any, image_files: Any, tmp_path: Path) -> None:
    views = pair(70, 131)
    files = [tmp_path / "left.png", tmp_path / "right.png"]
    for file, view in zip(files, views, strict=True):
        cv2.imwrite(str(file), view[..., ::-1])
    command = [stereo, image_files("float32"), *files, tmp_path / "out.tiff", "50"]
    done = subprocess.run([*command, "0.12"], capture_output=True, text=True, check=True)
    metres = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    with np.errstate(divide="ignore"):
        depth = 50 * 0.12 / network.predict(*views, RANGE)
    expected = {
        "middle": depth[35, 65],
        "nearest": np.sort(depth, None)[91],
        "median": np.sort(depth, None)[4585],
    }
    assert metres == pytest.approx(expected, rel=1e-3)
    for text in ("0", "-1", "two", ""):
        refused = subprocess.run([*command, text], capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert refused.stderr == f"{text}: expected a number above 0\n"
