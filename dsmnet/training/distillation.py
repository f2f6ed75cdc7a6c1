"""Self-distillation: a frozen teacher sees the clean pair, the student the perturbed one."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.models.stereo_net import StereoNet
from dsmnet.options import check_number
from dsmnet.types import StereoBatch


class SelfDistillation:
    """Differences of features and disparities from those of a frozen teacher (Lite Any Stereo, 2025).

    The teacher has the weights that training starts from. It sees the views as they were before the step
    `KeepClean` of the transforms, and also speaks where there is no ground truth.

    Args:
        features: Weight of one minus the cosine between the matched feature maps of both.
        disparity: Weight of the difference of the final disparities, per pixel of difference.
        clamp: Difference in pixels that a larger one counts as, without gradient.
    """

    def __init__(self, features: float = 1.0, disparity: float = 0.1, clamp: float = 10.0) -> None:
        self.features = check_number("distillation.features", features, least=0)
        self.disparity = check_number("distillation.disparity", disparity, least=0)
        self.clamp = check_number("distillation.clamp", clamp, above=0)
        self.maps: dict[str, Tensor] = {}  # matched feature maps of the last pass, by whose they are
        self.teacher: StereoNet | None = None

    def start(self, net: StereoNet) -> None:
        """Take the weights of `net` for the teacher's; listen to the features of both from now on."""
        self.teacher = copy.deepcopy(net).eval().requires_grad_(False)
        for whose, network in (("student", net), ("teacher", self.teacher)):

            def keep(_: Any, __: Any, maps: dict[int, Tensor], whose: str = whose) -> None:
                self.maps[whose] = maps[net.stride]

            network.backbone.register_forward_hook(keep)

    def __call__(self, batch: StereoBatch, disparity: Tensor, max_disparity: int) -> Tensor:
        """Return the weighted sum for a batch and the final disparity of it, [N, 1, H, W], pixels.

        Raises:
            UserError: The transforms kept no clean views, or the network never asks for its features alone.
        """
        if "clean_left" not in batch:
            raise UserError("distillation: no clean views are kept; expected transform=crop_distillation")
        teacher = cast(StereoNet, self.teacher).to(disparity.device)
        with torch.no_grad():
            clean = [teacher.normalize(batch[view]) for view in ("clean_left", "clean_right")]
            target = teacher(*clean, max_disparity)[-1].float()
        if not self.maps:
            raise UserError(
                "distillation: this model has one pass for features and context; expected a model with "
                "features of their own"
            )
        student, taught = self.maps["student"].float(), self.maps["teacher"].float()
        apart = 1 - F.cosine_similarity(student, taught, dim=1).mean()
        off = (disparity.float() - target).clamp(-self.clamp, self.clamp).abs().mean()
        return self.features * apart + self.disparity * off
