"""Texture patterns, mipmaps and the user's photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.errors import DataError, FormatError
from dsmnet.synthetic import PATTERNS, SyntheticStereo
from dsmnet.synthetic.texture import TILE, Mipmap
from tests.synthetic.scenes import clean, equal

Floats = NDArray[np.float32]


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
    texture = Mipmap.from_tile(tile)
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
