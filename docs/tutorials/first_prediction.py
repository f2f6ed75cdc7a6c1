# %% [markdown]
# # First prediction
#
# Two rectified images become a map of disparities, and with a calibration metres. It takes a minute, and no data:
# the pair is drawn by the generator that comes with the package.

# %%
import importlib.util
import subprocess
import sys

if (
    importlib.util.find_spec("dsmnet") is None
):  # in Colab; the package, a wheel, or git+https://ADDRESS of a copy
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "dsmnet"], check=True)

# %% [markdown]
# ## A pair
#
# The left view, the right view, and the disparity that is known because the scene is drawn. In a rectified pair a point
# lies in the same row of both views, and further left in the right one: by the disparity, in pixels.

# %%
import matplotlib.pyplot as plt

from dsmnet.io import write_image
from dsmnet.synthetic import SyntheticStereo

scene = SyntheticStereo(size=(240, 480), largest_disparity=64, length=16, seed=3)[11]
write_image("left.png", scene["left"])
write_image("right.png", scene["right"])

figure, axes = plt.subplots(1, 3, figsize=(16, 3), layout="constrained")
for axis, picture, title in zip(
    axes, ("left", "right", "disparity"), ("left view", "right view", "ground truth, px")
):
    shown = axis.imshow(scene[picture], cmap=None if picture != "disparity" else "turbo")
    axis.set_title(title)
    axis.axis("off")
figure.colorbar(shown, ax=axes[2])
plt.show()

# %% [markdown]
# ## On the command line

# %%
# !dsmnet predict left=left.png right=right.png paths.output=first
# !ls first

# %% [markdown]
# `left.pfm` is the disparity in pixels as float32, `left.png` the same times 256 in 16 bits, `left_color.png` a picture:

# %%
plt.figure(figsize=(8, 4))
plt.imshow(plt.imread("first/left_color.png"))
plt.axis("off")
plt.show()

# %% [markdown]
# ## In Python
#
# `load_model` reads the weights that come with the package; `predict` takes images of any size, RGB, and returns
# float32 pixels.

# %%
import numpy as np

from dsmnet import load_model

net = load_model()
disparity = net.predict(scene["left"], scene["right"])
error = np.abs(disparity - scene["disparity"])[scene["valid"]]
print(f"{disparity.shape}, {disparity.dtype}, {disparity.min():.1f} to {disparity.max():.1f} px")
print(
    f"mean error {error.mean():.2f} px; {100 * (error > 3).mean():.1f} % of the pixels are off by more than 3 px"
)

# %% [markdown]
# The largest errors lie where there is little texture and far away (above on the left, where the network finds no
# disparity at all), at the edges of objects, and where the right view does not show what the left one does:

# %%
plt.figure(figsize=(8, 3))
plt.imshow(np.where(scene["valid"], np.abs(disparity - scene["disparity"]), np.nan), cmap="magma", vmax=5)
plt.colorbar(label="error, px")
plt.axis("off")
plt.show()

# %% [markdown]
# ## Metres
#
# A calibration of the cameras turns pixels into metres: depth = focal length * baseline / disparity. Here it is written
# by hand, in Middlebury's form; [calibration](../calibration.md) lists the other forms that are read.

# %%
from pathlib import Path

height, width = disparity.shape
calibration = f"""cam0=[400 0 {width / 2}; 0 400 {height / 2}; 0 0 1]
cam1=[400 0 {width / 2}; 0 400 {height / 2}; 0 0 1]
doffs=0
baseline=120
width={width}
height={height}
"""
Path("calib.txt").write_text(calibration)
print(calibration)

# %%
# !dsmnet predict left=left.png right=right.png calib=calib.txt html=true paths.output=metres
# !ls metres

# %% [markdown]
# `left_depth.png` holds millimetres in 16 bits, `left.ply` a cloud of colored points, and `left_cloud.html` is one file in
# which the cloud is turned in a browser.

# %%
import cv2

depth = cv2.imread("metres/left_depth.png", cv2.IMREAD_UNCHANGED) / 1000
print(f"{np.median(depth[depth > 0]):.2f} m is the median depth; 400 px * 0.12 m / disparity says the same:")
print(f"{np.median(400 * 0.12 / disparity[depth > 0]):.2f} m")

# %% [markdown]
# Next: [your own camera](own_camera.md), or all programs [by example](../usage.md).
