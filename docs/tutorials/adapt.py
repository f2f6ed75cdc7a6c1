# %% [markdown]
# # Adapt without labels
#
# A camera of your own gives pairs, but no ground truth. `adapt` trains a network on what it itself is sure of, and a guard
# refuses the result where it is not better. Here on a few drawn pairs and for a few steps; with the defaults it takes some ten
# minutes on two cores. [What it gains](../adaptation.md), and where it does harm, was measured on real pairs.

# %%
import importlib.util
import subprocess
import sys

if (
    importlib.util.find_spec("dsmnet") is None
):  # in Colab; the package, a wheel, or git+https://ADDRESS of a copy
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "dsmnet"], check=True)

# %% [markdown]
# ## Pairs of one camera
#
# Six pairs: the right camera is darker, as happens with automatic exposure.

# %%
from pathlib import Path

import numpy as np

from dsmnet.io import write_image, write_pfm
from dsmnet.synthetic import SyntheticStereo

scenes = SyntheticStereo(size=(160, 320), largest_disparity=48, length=16, seed=9)
for part in ("left", "right", "disparity"):
    (Path("camera") / part).mkdir(parents=True, exist_ok=True)
for number in range(6):
    scene = scenes[number]
    write_image(f"camera/left/{number}.png", scene["left"])
    write_image(f"camera/right/{number}.png", (scene["right"] * 0.6).astype(np.uint8))
    write_pfm(f"camera/disparity/{number}.pfm", scene["disparity"])  # only to measure the gain in the end

# %% [markdown]
# ## Labels
#
# The first step of `adapt`, alone: a disparity is kept where the right view's own agrees, where the pair at half size gives
# the same, and where StereoSGBM does not contradict.

# %%
# !dsmnet label dataset=folder dataset.left=camera/left dataset.right=camera/right \
#     dataset.disparity=camera/disparity max_disparity=64 paths.output=labels

# %%
import matplotlib.pyplot as plt

from dsmnet.io import read_pfm

found = sorted(Path("labels/disparity").iterdir())[0]
label = read_pfm(found) if found.suffix == ".pfm" else plt.imread(found) * 65535 / 256
figure, axes = plt.subplots(1, 2, figsize=(12, 3), layout="constrained")
axes[0].imshow(plt.imread("camera/left/0.png"))
axes[0].set_title("left view")
shown = axes[1].imshow(np.where((label > 0) & np.isfinite(label), label, np.nan), cmap="turbo")
axes[1].set_title("label, px; white: left out")
figure.colorbar(shown, ax=axes[1])
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Adapt
#
# One round of six steps on small crops; without the options from `max_disparity` on it is the command for your own pairs.

# %%
# !dsmnet adapt method=self_training dataset=folder dataset.left=camera/left \
#     dataset.right=camera/right dataset.disparity=camera/disparity max_disparity=64 \
#     self_training.rounds=1 self_training.steps=6 self_training.crop=[96,192] \
#     self_training.source_pairs=4 paths.output=here
# !ls here

# %% [markdown]
# `adapt.json` says what the guard saw, and, as these pairs have ground truth, the error before and after.

# %%
import json

report = json.loads(Path("here/adapt.json").read_text())
for score in report["adaptation"]["rounds"][0]["guard"]:
    print(f"{score['score']:<13} {score['before']:6.2f} -> {score['after']:6.2f}, noise {score['noise']:.2f}")

# %%
plt.figure(figsize=(10, 8))
plt.imshow(plt.imread("here/adapted.png"))
plt.axis("off")
plt.show()

# %% [markdown]
# `weights.safetensors` is what the guard accepted, or the old weights where it refused:
#
# ```bash
# dsmnet predict left=im0.png right=im1.png checkpoint=here/weights.safetensors
# ```
