# %% [markdown]
# # Train on your pairs
#
# Rectified pairs with a disparity map each, in three folders, are all that a training needs. The pairs here are drawn, the
# network is small and the steps are few, so that it takes a minute; the commands are those of a real training.

# %%
import importlib.util
import subprocess
import sys

if (
    importlib.util.find_spec("dsmnet") is None
):  # in Colab; the package, a wheel, or git+https://ADDRESS of a copy
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "dsmnet"], check=True)

# %% [markdown]
# ## Three folders
#
# `left/`, `right/` and `disparity/`: files are taken in sorted order. A disparity map belongs to the left view, as float32
# pixels in .pfm or .npy (inf: unknown), or times 256 in a 16-bit .png (0: unknown).

# %%
from pathlib import Path

from dsmnet.io import write_image, write_pfm
from dsmnet.synthetic import SyntheticStereo

scenes = SyntheticStereo(size=(160, 320), largest_disparity=48, length=24, seed=7)
for number in range(24):
    scene = scenes[number]
    folder = Path("mine" if number < 20 else "unseen")
    for part in ("left", "right", "disparity"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_image(folder / "left" / f"{number:02d}.png", scene["left"])
    write_image(folder / "right" / f"{number:02d}.png", scene["right"])
    write_pfm(folder / "disparity" / f"{number:02d}.pfm", scene["disparity"])

# %% [markdown]
# ## Look at them first
#
# `check_data` reads every pair, finds views that are exchanged and rows that do not meet, and draws a sheet.

# %%
# !dsmnet check_data dataset=folder dataset.left=mine/left dataset.right=mine/right \
#     dataset.disparity=mine/disparity paths.output=check

# %%
import matplotlib.pyplot as plt

sheet = sorted(Path("check").rglob("*.png"))[0]
plt.figure(figsize=(10, 8))
plt.imshow(plt.imread(sheet))
plt.axis("off")
plt.show()

# %% [markdown]
# ## Train
#
# `init=dsmnet_lite` would start from the weights that come with the package, which is what a small data set wants. Here a
# tiny network starts from nothing. A fifth of the pairs is kept for validation.

# %%
# !dsmnet train dataset=folder dataset.left=mine/left dataset.right=mine/right \
#     dataset.disparity=mine/disparity model=tiny norm=batch crop.height=96 crop.width=192 \
#     max_disparity=48 trainer.max_steps=60 loader.epoch_steps=20 eval=synthetic \
#     eval.sets.synthetic.images=4 evaluation.max_disparity=48 paths.output=trained

# %% [markdown]
# `metrics.csv` has the curves, `weights.safetensors` the weights with the smallest validation error, and `config.yaml` all
# options. After an interruption `resume=trained/checkpoints/last.ckpt` goes on.

# %%
import csv

rows = list(csv.DictReader(open("trained/metrics.csv")))
print(", ".join(rows[0]))
curve = [(int(row["step"]), float(row["val/epe"])) for row in rows if row.get("val/epe")]
print(curve)

# %% [markdown]
# ## Evaluate and use
#
# Pairs that training has not seen, beside OpenCV's StereoSGBM:

# %%
# !dsmnet evaluate checkpoint=trained/weights.safetensors dataset=folder dataset.left=unseen/left \
#     dataset.right=unseen/right dataset.disparity=unseen/disparity max_disparity=48 baseline=sgbm \
#     panels=true paths.output=scores

# %%
panel = sorted(Path("scores/panels").rglob("*.png"))[0]
plt.figure(figsize=(10, 6))
plt.imshow(plt.imread(panel))
plt.axis("off")
plt.show()

# %% [markdown]
# So short a training is worse than StereoSGBM. The weights that come with the package have seen 128,012 pairs; training from
# them takes a few hundred steps:
#
# ```bash
# dsmnet train dataset=folder dataset.left=left/ dataset.right=right/ dataset.disparity=disp/ init=dsmnet_lite optimizer.lr=2e-4 trainer.max_time=00:00:30:00
# ```
#
# Published sets are read as they are unpacked ([data](../data.md)). Pairs without disparity maps: [adapt without
# labels](adapt.md).
