"""The data set: item i of seed s is always the same pair."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from dsmnet.augment.camera import Cameras
from dsmnet.errors import UserError
from dsmnet.synthetic.glints import add_glint
from dsmnet.synthetic.layouts import LAYOUTS
from dsmnet.synthetic.materials import Bank
from dsmnet.synthetic.occlusion import non_occluded
from dsmnet.synthetic.patterns import PATTERNS
from dsmnet.synthetic.photographs import list_photographs, load_photographs
from dsmnet.synthetic.reflections import add_glare, add_reflections
from dsmnet.synthetic.render import View
from dsmnet.synthetic.rig import Rig
from dsmnet.synthetic.scene import Scene, backdrop
from dsmnet.types import StereoSample

_TRAINING, _VALIDATION = 0, 1  # seed streams
_SAFETY = 0.98  # the coverage of an edge reaches half a pixel beyond the outline
_CROPS = 64  # tiles that are cut out of photographs
_BANK_ITEM = 2**63 - 1  # the place in a stream that no item has


class SyntheticStereo(Dataset[StereoSample]):
    """Procedural stereo pairs with the exact disparity of both views and an exact occlusion mask.

    Endless in principle: item i comes from ``SeedSequence(seed, spawn_key=(stream, i))`` alone, so it is the
    same whatever the order, the number of workers or the machine (up to the rounding of other processors and
    other releases of OpenCV). `length` only says after how many pairs an epoch ends.

    Args:
        seed: Another seed gives other scenes and other textures.
        length: Nominal number of pairs.
        size: Height and width of the views in pixels, each at least 16.
        largest_disparity: No disparity is larger, in pixels; at most half the width.
        min_near: The nearest things of a scene have a disparity between this and `largest_disparity`, in
            pixels, log-uniformly.
        density: Multiplies the number of things in every scene.
        layouts: Relative weights of the layouts; see `LAYOUTS`.
        patterns: Relative weights of the textures; see `PATTERNS`.
        textures: A folder with your own photographs; surfaces are covered with crops of up to 64 of them.
        photograph_share: Share of the surfaces so covered, where there are photographs.
        glints: Share of the scenes with bright spots, which match at another disparity than their surface.
        reflections: Share of the scenes where surfaces mirror others, at another disparity than their own.
        glare: Share of the scenes with surfaces that are burnt out.
        camera: Effects of the cameras, see `dsmnet.augment.camera.DEFAULTS`.
        validation_length: Number of pairs in the held-back part.

    Raises:
        UserError: An argument is out of range or names something that does not exist.
        DataError: `textures` is not a folder with readable pictures.
    """

    name = "synthetic"

    def __init__(
        self,
        seed: int = 0,
        length: int = 100_000,
        size: Sequence[int] = (192, 384),
        largest_disparity: float = 96.0,
        min_near: float = 20.0,
        density: float = 1.0,
        layouts: Mapping[str, float] | None = None,
        patterns: Mapping[str, float] | None = None,
        textures: str | Path | None = None,
        photograph_share: float = 0.5,
        glints: float = 0.15,
        reflections: float = 0.4,
        glare: float = 0.15,
        camera: Mapping[str, Mapping[str, float]] | None = None,
        validation_length: int = 64,
    ) -> None:
        self.seed, self.length, self.validation_length = int(seed), int(length), int(validation_length)
        if len(size) != 2:
            raise UserError(f"size: expected height and width, got {size}")
        self.height, self.width = (int(v) for v in size)
        self.largest_disparity, self.min_near = float(largest_disparity), float(min_near)
        self.density = float(density)
        self.photograph_share, self.glints = float(photograph_share), float(glints)
        self.reflections, self.glare = float(reflections), float(glare)
        self.layouts = _weights("layouts", layouts, LAYOUTS)
        self.patterns = _weights("patterns", patterns, PATTERNS)
        self.cameras = Cameras(camera)
        self.photographs = list_photographs(textures) if textures is not None else []
        self._stream = _TRAINING
        self._check()

    def _check(self) -> None:
        for name in ("length", "validation_length", "density"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name}: expected more than 0, got {getattr(self, name)}")
        if self.seed < 0:
            raise UserError(f"seed: expected 0 or more, got {self.seed}")
        if min(self.height, self.width) < 16:
            raise UserError(f"size: expected at least 16x16 pixels, got {self.height}x{self.width}")
        if not self.largest_disparity <= self.width / 2:
            raise UserError(
                f"largest_disparity: expected at most half the width, got {self.largest_disparity}"
            )
        if not 1 <= self.min_near <= self.largest_disparity:
            raise UserError(
                f"min_near: expected 1 to largest_disparity={self.largest_disparity}, got {self.min_near}"
            )
        for name in ("photograph_share", "glints", "reflections", "glare"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name}: expected 0..1, got {getattr(self, name)}")

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> StereoSample:
        if index < 0:
            index += self.length
        if not 0 <= index < self.length:
            raise IndexError(f"pair {index} of {self.length}")
        rng = _generator(self.seed, self._stream, index)
        scene = self._scene(rng)
        left, right = (View(self.width, self.height, right=side) for side in (False, True))
        left.draw(scene.surfaces)
        right.draw(scene.surfaces)
        # Drawn only where wanted: a set without them keeps the pairs that it always had.
        if self.reflections and rng.random() < self.reflections:
            add_reflections(rng, left, right)
        if self.glare and rng.random() < self.glare:
            add_glare(rng, left, right)
        if rng.random() < self.glints:
            for _ in range(int(rng.integers(1, 4))):
                add_glint(rng, left, right)
        exposure = float(np.clip(rng.normal(105, 25) / (left.brightness() + 5), 0.5, 3.5))
        left_image, right_image = self.cameras(left.image(exposure), right.image(exposure), rng)
        return {
            "left": left_image,
            "right": right_image,
            "disparity": left.disparity,
            "valid": left.disparity > 0,
            "noc": non_occluded(left, right),
            "right_disparity": right.disparity,
            "right_valid": right.disparity > 0,
            "name": f"{self.seed}_{self._stream}_{index:06d}",
            "dataset": self.name,
        }

    def split_validation(self) -> tuple[SyntheticStereo, SyntheticStereo]:
        """Return this set, and one of `validation_length` other scenes with other textures."""
        validation = object.__new__(type(self))
        validation.__dict__.update(self.__dict__, length=self.validation_length, _stream=_VALIDATION)
        return self, validation

    def bank(self) -> Bank:
        """Return the textures; drawing them takes a second or two on first use in a process.

        Called before worker processes are forked, it saves each of them that second.
        """
        photographs = tuple(self.photographs)
        return _bank(
            self.seed, self._stream, tuple(self.patterns.items()), photographs, self.photograph_share
        )

    def _scene(self, rng: np.random.Generator) -> Scene:
        near = float(np.exp(rng.uniform(math.log(self.min_near), math.log(self.largest_disparity))))
        focal = self.width * float(np.exp(rng.uniform(math.log(0.7), math.log(2.0))))
        cx, cy = self.width * rng.uniform(-0.1, 1.1), self.height * rng.uniform(-0.2, 0.6)
        scene = Scene(rng, Rig(self.width, self.height, focal, cx, cy), self.bank(), near, self.density)
        names = [name for name, weight in self.layouts.items() if weight]
        share = np.array([self.layouts[name] for name in names])
        LAYOUTS[names[int(rng.choice(len(names), p=share / share.sum()))]](scene)
        # Drawn by a generator of its own: what stands before it is as it would be without.
        scene.surfaces.append(backdrop(rng.spawn(1)[0], scene.rig, scene.bank))
        limit = self.largest_disparity * _SAFETY
        highest = max(s.highest(self.width, self.height, limit) for s in scene.surfaces if s.material)
        if highest > limit:
            scene.surfaces = [s.scaled(limit / highest) for s in scene.surfaces]
        return scene


def _generator(seed: int, stream: int, item: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, item))))


@functools.lru_cache(maxsize=8)
def _bank(
    seed: int,
    stream: int,
    patterns: tuple[tuple[str, float], ...],
    photographs: tuple[Path, ...],
    share: float,
) -> Bank:
    """Draw the textures, once for all data sets of a process that have them in common."""
    rng = _generator(seed, stream, _BANK_ITEM)
    tiles = load_photographs(list(photographs), rng, _CROPS) if photographs else []
    return Bank(rng, dict(patterns), tiles, share)


def _weights(option: str, given: Mapping[str, float] | None, known: Mapping[str, object]) -> dict[str, float]:
    """Return a weight for every known name: those given, 0 for the others; all 1 where none are given."""
    if given is None:
        return dict.fromkeys(known, 1.0)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UserError(f"{option}.{unknown[0]}: no such name; there are {', '.join(known)}")
    weights = {name: float(given.get(name, 0.0)) for name in known}
    if min(weights.values()) < 0 or not any(weights.values()):
        raise UserError(f"{option}: expected weights of at least 0, not all 0, got {dict(given)}")
    return weights
