"""Disparity by ONNX Runtime alone: python python_onnxruntime.py FILE.onnx LEFT RIGHT OUT.tiff.

FILE.onnx is written by `dsmnet export images=uint8`. OUT.tiff, or OUT.pfm, has float32 pixels.
"""

import sys

import cv2
import onnxruntime


def read(file):
    """Return an image as the network takes it: uint8 [1, H, W, 3], RGB."""
    image = cv2.imread(file, cv2.IMREAD_COLOR)
    if image is None:
        sys.exit(f"{file}: expected an image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[None]


if len(sys.argv) != 5:
    sys.exit(__doc__)
model, left, right, output = sys.argv[1:]
wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")  # the former comes with onnxruntime-gpu
available = [name for name in wanted if name in onnxruntime.get_available_providers()]
session = onnxruntime.InferenceSession(model, providers=available)
(disparity,) = session.run(["disparity"], {"left": read(left), "right": read(right)})
if not cv2.imwrite(output, disparity[0]):
    sys.exit(f"{output}: cannot be written")
