"""The synthetic data set: item i of seed s is always the same pair."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from dsmnet.augment.camera import Cameras
from dsmnet.errors import UserError
from dsmnet.options import check_number, check_share, check_whole
from dsmnet.synthetic.geometry import Rig
from dsmnet.synthetic.hard_cases import CROWDING, HARD_CASES, PROPS, add_light
from dsmnet.synthetic.layouts import LAYOUTS
from dsmnet.synthetic.materials import TextureBank
from dsmnet.synthetic.patterns import PATTERNS
from dsmnet.synthetic.photographs import list_photographs, load_photographs
from dsmnet.synthetic.reflections import add_glare, add_glint, add_reflections, add_wet_ground
from dsmnet.synthetic.render import View, non_occluded
from dsmnet.synthetic.scene import Scene, sky_backdrop
from dsmnet.types import StereoSample

_TRAINING, _VALIDATION = 0, 1  # seed streams
_SAFETY = 0.98  # the coverage of an edge extends half a pixel beyond the outline
_NARROW = 0.05, 0.3  # of the largest disparity: the least and the largest of a scene's nearest prop
_CROPS = 64  # tiles that are cut out of photographs
_BANK_ITEM = 2**63 - 1  # a place in the stream of seeds that no item has


class SyntheticStereo(Dataset[StereoSample]):
    """Procedural stereo pairs with the exact disparity of both views and an exact occlusion mask.

    Endless in principle: item i comes from ``SeedSequence(seed, spawn_key=(stream, i))`` alone, so it is the
    same whatever the order, the number of workers or the machine (up to the rounding of other processors and
    other releases of OpenCV). `length` only says after how many pairs an epoch ends.

    Args:
        seed: Seed of scenes and textures.
        length: Nominal number of pairs.
        size: Height and width of the views in pixels, each at least 16.
        largest_disparity: Bound on every disparity in pixels; at most half the width.
        min_near: The nearest prop of a scene has log-uniformly this disparity to `largest_disparity`.
        density: Factor on the number of props in every scene.
        layouts: Relative weights of `LAYOUTS`.
        patterns: Relative weights of `PATTERNS`.
        textures: Folder with your own photographs; surfaces are covered with crops of up to 64 of them.
        photograph_share: Share of the surfaces so covered, where there are photographs.
        glints: Share of the scenes with bright spots, which match at another disparity than their surface.
        reflections: Share of the scenes where surfaces mirror others, at another disparity than their own.
        glare: Share of the scenes with overexposed surfaces.
        hard_cases: Share of the scenes with each of `HARD_CASES`; those not named have none.
        camera: Effects of the cameras, see `dsmnet.augment.camera.DEFAULTS`.
        validation_length: Number of pairs in the validation split.

    Raises:
        UserError: An argument is out of range or names an option that does not exist.
        DataError: `textures` is not a folder with readable pictures.

    Example:
        >>> scene = SyntheticStereo(size=(48, 96), largest_disparity=24, min_near=8)[0]
        >>> scene["left"].shape, scene["disparity"].shape, bool(scene["disparity"].max() <= 24)
        ((48, 96, 3), (48, 96), True)
    """

    name = "synthetic"
    endless = True

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
        hard_cases: Mapping[str, float] | None = None,
        camera: Mapping[str, Mapping[str, float]] | None = None,
        validation_length: int = 64,
    ) -> None:
        if len(size) != 2:
            raise UserError(f"size: expected height and width, got {size}")
        self.height, self.width = (check_whole("size", v, least=16, unit="pixels") for v in size)
        self.seed = check_whole("seed", seed, least=0)
        self.length = check_whole("length", length)
        self.validation_length = check_whole("validation_length", validation_length)
        self.largest_disparity = check_number(
            "largest_disparity", largest_disparity, least=1, most=self.width / 2, unit="pixels"
        )
        self.min_near = check_number("min_near", min_near, least=1, most=largest_disparity, unit="pixels")
        self.density = check_number("density", density, above=0)
        self.photograph_share = check_share("photograph_share", photograph_share)
        self.glints = check_share("glints", glints)
        self.reflections = check_share("reflections", reflections)
        self.glare = check_share("glare", glare)
        self.hard_cases = _shares("hard_cases", hard_cases, HARD_CASES)
        self.layouts = _weights("layouts", layouts, LAYOUTS)
        self.patterns = _weights("patterns", patterns, PATTERNS)
        self.cameras = Cameras(camera)
        self.photographs = list_photographs(textures) if textures is not None else []
        self._stream = _TRAINING

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
        if scene.glossy:
            add_reflections(rng, left, right, scene.glossy)
        if "light" in scene.hard:
            add_light(rng, scene, (left, right))
        if "wet_ground" in scene.hard:
            add_wet_ground(rng, left, right)
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

    def bank(self) -> TextureBank:
        """Return the textures; drawing them takes a second or two on first use in a process.

        Called before worker processes are forked, it saves each of them that second.
        """
        patterns, photographs = tuple(self.patterns.items()), tuple(self.photographs)
        return _bank(self.seed, self._stream, patterns, photographs, self.photograph_share)

    def _scene(self, rng: np.random.Generator) -> Scene:
        # Generators of their own: the surfaces are as they would be without.
        of_sky, of_hard = rng.spawn(2)
        hard = frozenset(name for name, share in self.hard_cases.items() if of_hard.random() < share)
        nearest = np.array([self.min_near, self.largest_disparity])
        if "narrow" in hard:
            nearest = np.minimum(nearest, self.largest_disparity * np.array(_NARROW))
        near = float(np.exp(rng.uniform(*np.log(nearest))))
        focal = self.width * float(np.exp(rng.uniform(math.log(0.7), math.log(2.0))))
        cx, cy = self.width * rng.uniform(-0.1, 1.1), self.height * rng.uniform(-0.2, 0.6)
        density = self.density * math.prod(CROWDING[name] for name in hard if name in CROWDING)
        scene = Scene(rng, Rig(self.width, self.height, focal, cx, cy), self.bank(), near, density, hard)
        names = [name for name, weight in self.layouts.items() if weight]
        share = np.array([self.layouts[name] for name in names])
        LAYOUTS[names[int(rng.choice(len(names), p=share / share.sum()))]](scene)
        scene.density = self.density
        for name, add in PROPS.items():
            if name in hard:
                add(scene)
        scene.surfaces.append(sky_backdrop(of_sky, scene.rig, scene.bank))
        limit = float(nearest[1]) * _SAFETY
        highest = max(s.highest(self.width, self.height, limit) for s in scene.surfaces if s.texture)
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
) -> TextureBank:
    """Draw the textures, once for all data sets of a process that have them in common."""
    rng = _generator(seed, stream, _BANK_ITEM)
    tiles = load_photographs(list(photographs), rng, _CROPS) if photographs else []
    return TextureBank(rng, dict(patterns), tiles, share)


def _shares(option: str, given: Mapping[str, float] | None, known: Sequence[str]) -> dict[str, float]:
    """Return a share for every known name: 0 for those that are not given."""
    for name in given or {}:
        if name not in known:
            raise UserError(f"{option}.{name}: no such name; there are {', '.join(known)}")
    return {name: check_share(f"{option}.{name}", (given or {}).get(name, 0.0)) for name in known}


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
