# %% [markdown]
# # Compare normalisations
#
# The same network, pairs, order and steps; only the normalisation differs. Here two networks that see a few dozen pairs, to
# show the commands; [the study](../normalisation.md) with ten normalisations, three seeds and real pairs took them too.

# %%
import importlib.util
import subprocess
import sys

if (
    importlib.util.find_spec("dsmnet") is None
):  # in Colab; the package, a wheel, or git+https://ADDRESS of a copy
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "dsmnet"], check=True)

# %% [markdown]
# ## One command, several trainings
#
# `-m` starts a job for each combination of the values with a comma.

# %%
# !dsmnet train norm=batch,domain seed=1,2 model=tiny dataset.size=[96,192] \
#     dataset.largest_disparity=32 crop.height=96 crop.width=192 max_disparity=32 \
#     trainer.max_steps=30 loader.epoch_steps=15 loader.validation_pairs=8 eval=synthetic \
#     eval.sets.synthetic.images=4 evaluation.max_disparity=32 paths.output=norms -m
# !ls norms

# %% [markdown]
# ## Mean and spread over the seeds

# %%
# !dsmnet compare 'runs=norms/*' paths.output=table

# %% [markdown]
# The note above the table names settings that differ besides, here folders alone. With two seeds and this few steps the spread is larger than any difference: that is what the column is for.
#
# ## What the norms do to the features
#
# `dsmnet analyze` compares lengths of feature vectors and the layers' statistics between data sets. In small: an image, and
# the same image darker and with half the contrast.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from dsmnet import load_model
from dsmnet.synthetic import SyntheticStereo

image = SyntheticStereo(size=(96, 192), largest_disparity=32, length=8, seed=5)[3]["left"]
other = np.clip(image * 0.5 + 20, 0, 255).astype(np.uint8)  # half the contrast, another brightness
figure, axes = plt.subplots(1, 2, figsize=(12, 3.5), layout="constrained")
for axis, run, norm in zip(axes, (0, 2), ("batch", "domain")):
    net = load_model(f"norms/{run}/weights.safetensors")
    for picture, name in ((image, "image"), (other, "darker, half the contrast")):
        tensor = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
        with torch.no_grad():
            features = net.features(tensor)
        axis.hist(features.norm(dim=1).flatten().numpy(), bins=60, alpha=0.6, label=name)
    axis.set(title=f"norm={norm}", xlabel="length of a pixel's feature vector at 1/4")
    axis.legend()
plt.show()

# %% [markdown]
# With batch norm the lengths change with the contrast, with domain normalisation they hardly do. The images went into the
# features as they are; `predict` standardises each one first (`model/normalize=zscore`), which takes much of that away.
