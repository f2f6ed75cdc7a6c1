# %% [markdown]
# # Your own camera: from raw images to metres
#
# Two cameras on a bar give raw images: their lenses bend straight lines, and their rows do not meet. This page goes the
# whole way: pictures of a checkerboard, a calibration, rectified pairs, depth in metres. The cameras here are simulated, so
# that the result can be checked; with cameras of your own, leave the cell that simulates them out.

# %%
import importlib.util
import subprocess
import sys

if (
    importlib.util.find_spec("dsmnet") is None
):  # in Colab; the package, a wheel, or git+https://ADDRESS of a copy
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "dsmnet"], check=True)

# %% [markdown]
# ## Two simulated cameras
#
# Each pixel looks along a ray, which the lens has bent; what it sees is the nearest of some flat pictures in the room.
# The right camera stands 12 cm to the right, a little turned.

# %%
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np

from dsmnet.synthetic import SyntheticStereo

SIZE = (640, 400)  # width and height
LENS = np.array([-0.25, 0.08, 0.001, -0.001, 0.0])
MATRICES = [np.array([[420.0, 0, 322 + k], [0, 420, 203 - k], [0, 0, 1]]) for k in (0, 4)]
TURN, SHIFT = cv2.Rodrigues(np.array([0.01, -0.02, 0.015]))[0], np.array([-0.12, 0.002, 0.003])


def take_pictures(surfaces):
    """Return what both cameras see of flat pictures, each given as (image, pose, metres per pixel)."""
    views = []
    for matrix, turn, shift in zip(MATRICES, (np.eye(3), TURN), (np.zeros(3), SHIFT)):
        pixels = np.stack(np.meshgrid(*map(np.arange, SIZE)), -1).reshape(-1, 1, 2).astype(float)
        rays = cv2.undistortPoints(pixels, matrix, LENS).reshape(SIZE[1], SIZE[0], 2)
        rays = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], -1)
        view, nearest = np.zeros((SIZE[1], SIZE[0], 3), np.uint8), np.full(rays.shape[:2], np.inf)
        for image, (rotation, place), pixel in surfaces:
            rotation, place = turn @ cv2.Rodrigues(np.array(rotation, float))[0], turn @ place + shift
            depth = rotation[:, 2] @ place / (rays @ rotation[:, 2])
            spot = (rays * depth[..., None] - place) @ rotation[:, :2] / pixel
            height, width = image.shape[:2]
            x, y = (
                (spot[..., 0] + width / 2).astype(np.float32),
                (spot[..., 1] + height / 2).astype(np.float32),
            )
            seen = (depth > 0) & (depth < nearest) & (x > 0) & (y > 0) & (x < width - 1) & (y < height - 1)
            view[seen] = cv2.remap(image, x, y, cv2.INTER_LINEAR)[seen]
            nearest[seen] = depth[seen]
        noise = np.random.default_rng(1).normal(0, 2, view.shape)
        views.append(np.clip(view + noise, 0, 255).astype(np.uint8))
    return views


# %% [markdown]
# ## Pictures of a checkerboard
#
# Print a board, fix it to something flat, and take 15 to 30 pairs of it: near and far, tilted, in the corners of both views.
# This one has 9 x 6 inner corners, and squares of 25 mm.

# %%
squares = np.kron(np.indices((7, 10)).sum(0) % 2, np.ones((50, 50))) * 200 + 30
board = np.full((400, 550, 3), 230, np.uint8)
board[25:-25, 25:-25] = squares[..., None]

draw = np.random.default_rng(2)
for folder in ("board/left", "board/right"):
    Path(folder).mkdir(parents=True, exist_ok=True)
for number in range(24):
    pose = draw.uniform(-0.5, 0.5, 3), draw.uniform((-0.15, -0.12, 0.35), (0.27, 0.12, 0.8))
    for side, view in zip(("left", "right"), take_pictures([(board, pose, 0.0005)])):
        cv2.imwrite(f"board/{side}/{number:02d}.png", view)

figure, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
for axis, side in zip(axes, ("left", "right")):
    axis.imshow(cv2.imread(f"board/{side}/05.png"))
    axis.set_title(f"{side} view of the board")
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Calibration
#
# OpenCV finds the corners and the cameras. The unit of `square` becomes the unit of everything that follows.

# %%
inner, square = (9, 6), 0.025  # inner corners; metres
corners = np.zeros((inner[0] * inner[1], 3), np.float32)
corners[:, :2] = np.mgrid[: inner[0], : inner[1]].T.reshape(-1, 2) * square
boards, points = [], ([], [])
for pair in zip(sorted(Path("board/left").glob("*.png")), sorted(Path("board/right").glob("*.png"))):
    found = [cv2.findChessboardCornersSB(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), inner) for path in pair]
    if all(there for there, _ in found):
        boards.append(corners)
        for those, (_, spots) in zip(points, found):
            those.append(spots)
_, m1, d1, _, _ = cv2.calibrateCamera(boards, points[0], SIZE, None, None)
_, m2, d2, _, _ = cv2.calibrateCamera(boards, points[1], SIZE, None, None)
error, m1, d1, m2, d2, r, t, _, _ = cv2.stereoCalibrate(boards, *points, m1, d1, m2, d2, SIZE)
print(f"{len(boards)} of 24 pairs, reprojection error {error:.2f} px")  # well under one pixel
print(f"focal length {m1[0, 0]:.1f} px, baseline {1000 * np.linalg.norm(t):.1f} mm")

file = cv2.FileStorage("stereo.yml", cv2.FILE_STORAGE_WRITE)
for name, value in {"image_width": SIZE[0], "image_height": SIZE[1], "unit": "m"}.items():
    file.write(name, value)
for name, value in {"M1": m1, "D1": d1, "M2": m2, "D2": d2, "R": r, "T": t}.items():
    file.write(name, value)
file.release()

# %% [markdown]
# Other forms of calibration files are read too, of ROS, Kalibr, ZED, RealSense and OAK: [calibration](../calibration.md).
#
# ## A raw pair of a room
#
# A wall 3 m away, a poster at 1.5 m that is turned a little, a panel at 1 m.

# %%
scenes = SyntheticStereo(size=(400, 640), length=16, seed=3)
room = [
    (cv2.resize(scenes[8]["left"], (1280, 800)), ((0, 0, 0), (0, 0, 3.0)), 0.004),
    (scenes[9]["left"], ((0, 0.1, 0), (-0.35, 0.1, 1.5)), 0.0012),
    (scenes[5]["left"], ((0, 0, 0), (0.3, -0.05, 1.0)), 0.0008),
]
left, right = take_pictures(room)
for name, view in (("left.png", left), ("right.png", right)):
    cv2.imwrite(name, view[..., ::-1])  # OpenCV writes BGR

# %% [markdown]
# ## Depth in metres
#
# `predict` sees that the calibration is one of raw cameras, and rectifies the views before it matches them. Where the rows
# still differ afterwards it says so: then the cameras have moved since they were calibrated.

# %%
# !dsmnet predict left=left.png right=right.png calib=stereo.yml paths.output=room
# !ls room

# %%
depth = cv2.imread("room/left_depth.png", cv2.IMREAD_UNCHANGED) / 1000  # metres; 0: unknown
rectified = cv2.imread("room/left_rectified.png")[..., ::-1]
figure, axes = plt.subplots(1, 3, figsize=(16, 4), layout="constrained")
for axis, picture, title in zip(axes, (left, rectified), ("raw left view", "rectified")):
    axis.imshow(picture)
    axis.set_title(title)
shown = axes[2].imshow(np.where(depth > 0, depth, np.nan), cmap="turbo_r", vmin=0.8, vmax=3.5)
axes[2].set_title("depth, m")
figure.colorbar(shown, ax=axes[2])
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# What is known of the room: the wall is 3 m away, the panel 1 m.

# %%
known = depth[depth > 0]
for name, metres in (("panel", 1.0), ("wall", 3.0)):
    near = known[np.abs(known / metres - 1) < 0.2]
    print(
        f"{name}: {np.median(near):.3f} m, half of its pixels within {1000 * np.median(abs(near - np.median(near))):.0f} mm"
    )

# %% [markdown]
# ## The pairs alone
#
# `rectify` writes the rectified views and their calibration, for other matchers, or to
# [train](train_on_pairs.md) and [adapt](adapt.md) on.

# %%
# !dsmnet rectify left=left.png right=right.png calib=stereo.yml paths.output=rectified
# !ls rectified
# !cat rectified/calib.txt

# %% [markdown]
# Without any calibration, `rectify=auto` estimates what makes the rows meet from the images: [raw pairs and
# rows](../rectification.md). There is no depth in metres then.
