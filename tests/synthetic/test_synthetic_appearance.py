"""What procedural pairs look like: textures, the user's photographs, and imperfect cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.augment.camera import DEFAULTS, Cameras
from dsmnet.errors import DataError, FormatError
from dsmnet.synthetic import PATTERNS, SyntheticStereo
from dsmnet.synthetic.texture import TILE, Texture
from dsmnet.types import StereoSample

OFF = {name: {"probability": 0.0} for name in DEFAULTS}
SMALL: dict[str, Any] = {"size": (96, 192), "largest_disparity": 48.0, "min_near": 12.0}
Floats = NDArray[np.float32]


def clean(**options: Any) -> SyntheticStereo:
    """The pairs as perfect cameras would see them."""
    return SyntheticStereo(
        **{**SMALL, "camera": OFF, "glints": 0.0, "reflections": 0.0, "glare": 0.0, **options}
    )


def equal(one: StereoSample, other: StereoSample) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)  # type: ignore[literal-required]


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_repeat_seamlessly_and_are_repeatable(name: str) -> None:
    tile = PATTERNS[name](np.random.default_rng(3))
    assert tile.shape == (TILE, TILE)
    assert tile.dtype == np.uint8
    assert tile.std() > 3
    np.testing.assert_array_equal(tile, PATTERNS[name](np.random.default_rng(3)))
    values = tile.astype(float)
    inside = np.abs(np.diff(values, axis=0)).mean(axis=1)
    assert np.abs(values[0] - values[-1]).mean() <= max(3 * inside.mean(), inside.max()) + 1


def test_texture_is_periodic_and_levels_blend_within_its_range() -> None:
    tile = np.random.default_rng(0).integers(100, 140, (TILE, TILE), dtype=np.uint8)
    texture = Texture.from_tile(tile)
    u, v = np.meshgrid(
        np.linspace(-300, 300, 90, dtype=np.float32), np.linspace(3, 700, 70, dtype=np.float32)
    )
    np.testing.assert_allclose(
        texture.sample(u, v, 0.0).astype(int), texture.sample(u + 2 * TILE, v - TILE, 0.0).astype(int), atol=1
    )
    lod = np.linspace(-1, 9, u.size, dtype=np.float32).reshape(u.shape)
    lod = np.ascontiguousarray(np.random.default_rng(1).permutation(lod.ravel()).reshape(u.shape))
    blended = texture.sample(u, v, lod)
    assert blended.min() >= 99
    assert blended.max() <= 140
    assert blended[lod >= 6].std() < 0.2 * blended[lod <= 0].std()  # far levels have no detail left
    whole = np.full_like(u, 1.0)
    np.testing.assert_allclose(texture.sample(u, v, whole), texture.sample(u, v, 1.0), atol=1)


def test_patterns_can_be_chosen() -> None:
    bank = clean(patterns={"text": 1.0}).bank()
    rng = np.random.default_rng(0)
    texts = {id(tile) for tile in bank.tiles["text"]}
    assert {id(bank.pattern(rng, weights)) for weights in (None, {"noise": 1.0}) for _ in range(20)} <= texts


def _write_pictures(folder: Path, color: tuple[int, int, int], count: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for k in range(count):
        picture = np.clip(rng.normal(color, 12, (120 + 200 * k, 300, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"picture{k}.png"), picture[..., ::-1])


def test_photographs_cover_surfaces(tmp_path: Path) -> None:
    _write_pictures(tmp_path / "mine" / "deep", (20, 40, 200))
    with_pictures = clean(textures=str(tmp_path / "mine"), photograph_share=1.0, layouts={"random": 1.0})
    share = clean(textures=tmp_path / "mine", photograph_share=0.0, layouts={"random": 1.0})
    blue = np.mean([_blueness(with_pictures[i]["left"]) for i in range(3)])
    assert blue > 0.95
    assert np.mean([_blueness(share[i]["left"]) for i in range(3)]) < 0.6
    assert equal(
        with_pictures[1], clean(textures=tmp_path / "mine", photograph_share=1.0, layouts={"random": 1.0})[1]
    )


def _blueness(image: NDArray[np.uint8]) -> float:
    """Return the share of pixels that are bluer than half as bright as the pictures' blue is."""
    red, green, blue = (image[..., k].astype(float) for k in range(3))
    return float((blue > 1.8 * np.maximum(red, green)).mean())


def test_bad_photograph_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        SyntheticStereo(textures=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("none here")
    with pytest.raises(DataError, match=r"no picture under .*empty"):
        SyntheticStereo(textures=tmp_path / "empty")
    _write_pictures(tmp_path / "bad", (90, 90, 90), 1)
    (tmp_path / "bad" / "fake.jpg").write_text("no picture at all")
    with pytest.raises(FormatError, match=r"fake\.jpg"):
        SyntheticStereo(textures=tmp_path / "bad")
    _write_pictures(tmp_path / "cut", (90, 90, 90), 1)
    (tmp_path / "cut" / "cut.png").write_bytes((tmp_path / "cut" / "picture0.png").read_bytes()[:24])
    with pytest.raises(FormatError, match=r"cut\.png"):
        SyntheticStereo(textures=tmp_path / "cut")[0]


@pytest.mark.parametrize("effect", DEFAULTS)
def test_each_camera_effect_has_its_own_switch(effect: str) -> None:
    camera = {**OFF, effect: {"probability": 1.0}}
    perfect, changed = clean(), clean(camera=camera)
    differ = 0
    for i in range(6):
        a, b = perfect[i], changed[i]
        for key in ("disparity", "right_disparity", "noc"):
            np.testing.assert_array_equal(a[key], b[key])  # type: ignore[literal-required]
        differ += not np.array_equal(a["right"], b["right"])
        if effect == "vertical":
            np.testing.assert_array_equal(a["left"], b["left"])
        if effect == "grey":
            assert (np.ptp(b["left"], axis=-1) == 0).all()
            assert (np.ptp(b["right"], axis=-1) == 0).all()
    assert differ >= 2  # a weak one may not reach the next grey value
    idle = clean(camera={**OFF, effect: {"probability": 1.0, "strength": 0.0}})
    np.testing.assert_array_equal(idle[0]["left"], perfect[0]["left"])


def test_switching_one_effect_leaves_the_others() -> None:
    flat = np.full((64, 64, 3), 120, np.uint8)
    both = Cameras({**OFF, "noise": {"probability": 1.0}, "gain": {"probability": 1.0, "strength": 0.0}})
    alone = Cameras({**OFF, "noise": {"probability": 1.0}})
    for one, other in zip(
        both(flat, flat, np.random.default_rng(2)), alone(flat, flat, np.random.default_rng(2)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_effects_do_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    scene = np.repeat(rng.integers(40, 200, (80, 120, 1), dtype=np.uint8), 3, axis=2)
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), 2.0), np.uint8)

    def seen(effect: str, strength: float, seed: int) -> list[NDArray[np.float64]]:
        cameras = Cameras({**OFF, effect: {"probability": 1.0, "strength": strength}})
        return [v.astype(float) for v in cameras(scene, scene.copy(), np.random.default_rng(seed))]

    def average(measure: Any, effect: str, strength: float) -> float:
        return float(np.mean([measure(*seen(effect, strength, seed)) for seed in range(12)]))

    assert average(lambda a, b: abs(a.mean() / b.mean() - 1), "gain", 0.3) > 0.03
    assert average(lambda a, b: abs((a[..., 0] - a[..., 2]).mean()), "color", 0.2) > 2
    assert (
        average(lambda a, b: np.abs(np.diff(a, axis=1)).mean(), "blur", 2.0)
        < 0.8 * np.abs(np.diff(scene.astype(float), axis=1)).mean()
    )
    for sigma in (0.02, 0.06):
        spread = average(lambda a, b: (a - scene).std() / 255, "noise", sigma)
        assert 0.15 * sigma < spread < sigma
    assert average(lambda a, b: a[:10, :10].mean() / a[35:45, 50:70].mean(), "vignetting", 0.6) < 0.9
    assert average(lambda a, b: ((a == 255) | (a == 0)).mean(), "clipping", 1.5) > 0.05
    shift = _row_shift(*seen("vertical", 1.0, 3))
    assert 0.02 < abs(shift) < 1.0


def _row_shift(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return by how many rows the right view is lower, to first order."""
    slope = np.gradient(left, axis=0)
    return float((slope * (left - right)).sum() / (slope * slope).sum())


def test_glints_match_at_another_disparity() -> None:
    plain, glinting = clean(), clean(glints=1.0)
    brighter = 0
    for i in range(8):
        a, b = plain[i], glinting[i]
        np.testing.assert_array_equal(a["disparity"], b["disparity"])
        brighter += bool((b["left"].astype(int) > a["left"].astype(int) + 20).any())
    assert brighter >= 5
