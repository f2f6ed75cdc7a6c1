"""The procedural pairs: the same every time, true to a fraction of a pixel, and as imperfect as asked for."""

from __future__ import annotations

import inspect
import pickle
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from dsmnet.config import config_dir, instantiate
from dsmnet.data.synthetic import LAYOUTS, PATTERNS, SyntheticStereo
from dsmnet.data.synthetic.camera import DEFAULTS, Cameras
from dsmnet.data.synthetic.geometry import Bump, Geometry
from dsmnet.data.synthetic.occlusion import non_occluded
from dsmnet.data.synthetic.render import View
from dsmnet.data.synthetic.rig import Plane, Rig
from dsmnet.data.synthetic.stencils import Sheet
from dsmnet.data.synthetic.surface import Material, Surface
from dsmnet.data.synthetic.texture import TILE, Texture
from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.protocols import StereoSample

OFF = {name: {"probability": 0.0} for name in DEFAULTS}
SMALL: dict[str, Any] = {"size": (96, 192), "max_disparity": 48.0, "min_near": 12.0}
Floats = NDArray[np.float32]


def clean(**options: Any) -> SyntheticStereo:
    """The pairs as perfect cameras would see them."""
    return SyntheticStereo(**{**SMALL, "camera": OFF, "glints": 0.0, **options})


def equal(one: StereoSample, other: StereoSample) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)  # type: ignore[literal-required]


def warp(right: NDArray[Any], disparity: Floats) -> Floats:
    """Return what the right view shows at x - disparity."""
    height, width = disparity.shape
    x = np.arange(width, dtype=np.float32) - disparity
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    warped = cv2.remap(right.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def smooth_and_visible(sample: StereoSample) -> NDArray[np.bool_]:
    """Return where both views show the pixel and no depth edge is within two pixels."""
    left, right = (_steady(sample[key]) for key in ("disparity", "right_disparity"))  # type: ignore[literal-required]
    return np.asarray(sample["noc"] & (left > 0) & (warp(right, sample["disparity"]) > 0.99))


def _steady(disparity: Floats) -> NDArray[np.uint8]:
    kernel = np.ones((3, 3), np.uint8)
    steady = np.asarray(cv2.dilate(disparity, kernel)) - np.asarray(cv2.erode(disparity, kernel)) < 1
    return np.asarray(cv2.erode(steady.astype(np.uint8), kernel), np.uint8)


# --- the same every time


def test_items_do_not_depend_on_order_instance_or_process() -> None:
    data = SyntheticStereo(**SMALL, length=6)
    forward = [data[i] for i in range(6)]
    again = SyntheticStereo(**SMALL, length=6)
    assert all(equal(again[i], forward[i]) for i in (5, 2, 0, 4))
    loader = DataLoader(
        pickle.loads(pickle.dumps(data)), batch_size=1, num_workers=2, collate_fn=lambda b: b[0]
    )
    for sample, expected in zip(loader, forward, strict=True):
        assert equal(sample, expected)


def test_seed_and_index_make_the_difference() -> None:
    data, other = SyntheticStereo(**SMALL), SyntheticStereo(**SMALL, seed=1)
    assert not np.array_equal(data[0]["left"], data[1]["left"])
    assert not np.array_equal(data[0]["disparity"], other[0]["disparity"])


def test_length_is_nominal_and_does_not_change_items() -> None:
    short, long = SyntheticStereo(**SMALL, length=3), SyntheticStereo(**SMALL, length=1000)
    assert (len(short), len(long)) == (3, 1000)
    assert equal(short[2], long[2])
    assert equal(short[-1], short[2])
    with pytest.raises(IndexError):
        short[3]


def test_global_generators_are_left_alone() -> None:
    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    first = SyntheticStereo(**SMALL)[7]
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    assert before == after
    np.random.seed(6)  # noqa: NPY002
    assert equal(first, SyntheticStereo(**SMALL)[7])


def test_validation_part_is_apart() -> None:
    data = SyntheticStereo(**SMALL, validation_length=5)
    training, validation = data.split_validation()
    assert training is data
    assert len(validation) == 5
    seen = [training[i] for i in range(5)]
    held_back = [validation[i] for i in range(5)]
    assert not {s["name"] for s in seen} & {s["name"] for s in held_back}
    assert not any(np.array_equal(a["disparity"], b["disparity"]) for a in seen for b in held_back)
    assert equal(held_back[3], SyntheticStereo(**SMALL).split_validation()[1][3])
    tiles = [part.bank().tiles["noise"][0].levels[0] for part in (training, validation)]
    assert not np.array_equal(*tiles)


# --- form


@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples_are_well_formed(layout: str) -> None:
    data = SyntheticStereo(**SMALL, layouts={layout: 1.0})
    deepest = 0.0
    for i in range(12):
        sample = data[i]
        for view in ("left", "right"):
            assert sample[view].dtype == np.uint8  # type: ignore[literal-required]
            assert sample[view].shape == (96, 192, 3)  # type: ignore[literal-required]
        for key in ("disparity", "right_disparity"):
            disparity = sample[key]  # type: ignore[literal-required]
            assert disparity.dtype == np.float32
            assert disparity.min() >= 0
            assert disparity.max() <= 48
        for key in ("valid", "right_valid", "noc"):
            assert sample[key].dtype == bool  # type: ignore[literal-required]
        assert sample["valid"].all()
        assert 0.3 < sample["noc"].mean() < 1
        assert sample["left"].std() > 3
        assert (sample["name"], sample["dataset"]) == (f"0_0_{i:06d}", "synthetic")
        deepest = max(deepest, float(sample["disparity"].max()))
    assert deepest > 24


@pytest.mark.parametrize("size", [(97, 161), (33, 250), (200, 64)])
def test_any_size(size: tuple[int, int]) -> None:
    data = SyntheticStereo(size=size, max_disparity=30, min_near=10)
    for i in range(3):
        sample = data[i]
        assert sample["left"].shape == (*size, 3)
        assert sample["disparity"].shape == sample["noc"].shape == sample["right_disparity"].shape == size


def test_density_multiplies_the_things_in_a_scene() -> None:
    edges = []
    for density in (0.3, 2.0):
        data = clean(layouts={"random": 1.0}, density=density)
        edges.append(np.mean([(np.abs(np.diff(data[i]["disparity"])) > 1).mean() for i in range(8)]))
    assert edges[1] > 1.5 * edges[0]


# --- truth


@pytest.mark.parametrize("layout", LAYOUTS)
def test_right_view_warped_by_truth_is_the_left_view(layout: str) -> None:
    """Also with half a pixel more, and with the wrong sign, to show that the bounds tell them apart."""
    data = clean(layouts={layout: 1.0})
    errors: dict[str, list[Floats]] = {"truth": [], "half": [], "sign": []}
    for i in range(12):
        sample = data[i]
        mask, d, left = smooth_and_visible(sample), sample["disparity"], sample["left"].astype(np.float32)
        for key, guess in (("truth", d), ("half", d + np.float32(0.5)), ("sign", -d)):
            errors[key].append(np.abs(warp(sample["right"], guess) - left).mean(axis=-1)[mask])
    pooled = {key: np.concatenate(values) for key, values in errors.items()}
    assert np.median(pooled["truth"]) <= 1.0  # of 255
    assert np.percentile(pooled["truth"], 95) <= 6.0
    assert pooled["half"].mean() > 1.6 * pooled["truth"].mean()
    assert pooled["sign"].mean() > 8 * pooled["truth"].mean()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_truth_is_exact_below_a_tenth_of_a_pixel(layout: str) -> None:
    """The shift that would still improve the match, block by block, is zero in the median; 0.1 px is seen."""
    data = clean(layouts={layout: 1.0}, patterns={"noise": 1.0, "wood": 1.0, "dead_leaves": 1.0})
    shifts: dict[float, list[Floats]] = {0.0: [], 0.1: []}
    for i in range(12):
        sample = data[i]
        mask, left = smooth_and_visible(sample), sample["left"].astype(np.float32).mean(axis=-1)
        for offset, found in shifts.items():
            warped = warp(sample["right"], sample["disparity"] + np.float32(offset)).mean(axis=-1)
            slope = (np.gradient(warped, axis=1) + np.gradient(left, axis=1)) / 2
            blocks = [_blocks(part * mask) for part in (slope * (left - warped), slope * slope, 1.0)]
            whole = (blocks[2] == 256) & (blocks[1] > 256 * 4)
            found.append((blocks[0] / np.maximum(blocks[1], 1))[whole])
    medians = {offset: float(np.median(np.concatenate(found))) for offset, found in shifts.items()}
    assert sum(len(found) for found in shifts[0.0]) > 100
    assert abs(medians[0.0]) < 0.01
    assert 0.08 < medians[0.1] < 0.16


def _blocks(values: Floats, side: int = 16) -> Floats:
    height, width = values.shape
    cut = values[: height // side * side, : width // side * side]
    return cut.reshape(height // side, side, width // side, side).sum(axis=(1, 3))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_left_and_right_truth_agree(layout: str) -> None:
    data = clean(layouts={layout: 1.0})
    gaps = []
    for i in range(10):
        sample = data[i]
        gap = np.abs(warp(sample["right_disparity"], sample["disparity"]) - sample["disparity"])
        gaps.append(gap[smooth_and_visible(sample)])
    pooled = np.concatenate(gaps)
    assert np.median(pooled) < 1e-3
    assert np.percentile(pooled, 98) < 0.05


@pytest.mark.parametrize("layout", LAYOUTS)
def test_occlusion_agrees_with_forward_projection(layout: str) -> None:
    """A plain loop throws the left pixels onto the right view's rows and keeps the nearest on each."""
    data = clean(layouts={layout: 1.0}, size=(48, 160), max_disparity=40.0)
    agree = total = hidden = 0
    for i in range(5):
        sample = data[i]
        noc, d = sample["noc"], sample["disparity"]
        height, width = d.shape
        nearest = np.full((height, width), -np.inf)
        for y in range(height):
            for x in range(width):
                column = round(x - float(d[y, x]))
                if 0 <= column < width:
                    nearest[y, column] = max(nearest[y, column], d[y, x])
        for y in range(height):
            for x in range(width):
                column = round(x - float(d[y, x]))
                if column >= width - 1 - d.max():  # may be hidden by what the left view does not show
                    continue
                seen = column >= 0 and nearest[y, column] <= d[y, x] + 1
                agree += bool(seen == noc[y, x])
                hidden += not seen
                total += 1
    assert hidden > 0.02 * total
    assert agree > 0.985 * total


def _plain(plane: Plane, stencil: Any, body: int, grey: int) -> Surface:
    table = np.zeros((256, 4), np.uint8)
    table[:, :3] = grey
    texture = Texture.from_tile(np.zeros((TILE, TILE), np.uint8))
    axes = Rig(100, 10, 100.0, 50.0, 5.0).texture_axes(plane, 0.0)
    material = Material(texture, table.view(np.uint32)[:, 0], axes, 0.1, lod=0.0)
    return Surface(Geometry(plane), material, stencil, body)


def _card_before_wall(left: float, right: float) -> tuple[View, View]:
    """A wall at disparity 4, and before it a card at 12 between two columns of the left view."""
    sheet = Sheet((left, 2.0, right, 7.0))
    sheet.fill(np.array([[left, -20.0], [right, -20.0], [right, 30.0], [left, 30.0]]))
    views = View(100, 10, right=False), View(100, 10, right=True)
    for view in views:
        view.draw(_plain(Plane(0, 0, 4.0), None, 0, 50))
        view.draw(_plain(Plane(0, 0, 12.0), sheet.stencil(), 1, 200))
    return views


def test_occlusion_of_a_card_before_a_wall() -> None:
    left, right = _card_before_wall(59.5, 80.5)
    row = non_occluded(left, right)[4]
    expected = np.ones(100, bool)
    expected[:4] = False  # left of the right view
    expected[60 - 12 + 4 : 60] = False  # where the right view has the card, the wall is hidden
    np.testing.assert_array_equal(
        left.disparity[4], np.where((np.arange(100) >= 60) & (np.arange(100) <= 80), 12, 4)
    )
    np.testing.assert_array_equal(row[:80], expected[:80])


def test_edges_are_antialiased_and_disparity_is_that_of_the_larger_part() -> None:
    ramps, mixed = [], 0
    for edge in (60.1, 60.35, 60.6):
        left, right = _card_before_wall(edge, 90.0)
        colours = left.colour[4, :, 0].astype(int)
        ramps.append(colours[58:63].sum())
        assert set(np.unique(left.disparity[4])) == {4.0, 12.0}
        mixed += int(((colours > 55) & (colours < 195))[58:63].sum())
        front = colours > 125
        np.testing.assert_array_equal(left.disparity[4, 57:64] == 12, front[57:64])
        np.testing.assert_array_equal(right.colour[4, 45:60], left.colour[4, 57:72])
    assert mixed >= 2
    assert ramps[0] > ramps[1] > ramps[2]  # the edge moves by parts of a pixel


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(Plane(0.2, -0.1, 20.0)),
        Geometry(Plane(-0.3, 0.05, 40.0)),
        Geometry(Plane(0.05, 0.0, 10.0), Bump(60, 20, dome=4.0, qx=4 / 50**2, qy=4 / 30**2)),
        Geometry(Plane(-0.1, 0.1, 25.0), Bump(60, 20, wave=2.0, kx=0.15, ky=0.1, phase=1.0)),
    ],
)
def test_right_geometry_inverts_the_left_one(geometry: Geometry) -> None:
    xs, ys = np.arange(0, 80, dtype=np.float32), np.arange(0, 40, dtype=np.float32)
    x, disparity = geometry.right(xs, ys)
    np.testing.assert_allclose(x - disparity, np.broadcast_to(xs, x.shape), atol=1e-4)
    a, b, c = geometry.plane
    expected = a * x.astype(float) + b * ys[:, None] + c
    if geometry.bump is not None:
        q = geometry.bump
        dx, dy = x - q.x0, ys[:, None] - q.y0
        expected += q.dome - q.qx * dx**2 - q.qy * dy**2 + q.wave * np.sin(q.kx * dx + q.ky * dy + q.phase)
    np.testing.assert_allclose(disparity, expected, atol=2e-3)


def test_curved_geometry_is_inverted_from_far_away_too() -> None:
    """What lies left or right of a dome must not be taken for a part of it."""
    rng = np.random.default_rng(0)
    xs, ys = np.arange(-100, 300, dtype=np.float32), np.arange(0, 60, 7, dtype=np.float32)
    for _ in range(60):
        rx, k = rng.uniform(4, 80), rng.uniform(0.02, 0.5)
        if rng.random() < 0.5:
            bump = Bump(*rng.uniform(0, 100, 2), dome=0.17 * rx, qx=0.17 / rx, qy=0.17 / rx, rx=rx)
        else:
            bump = Bump(*rng.uniform(0, 100, 2), wave=0.35 / k, kx=k, ky=rng.normal(0, 0.1), phase=1.0)
        geometry = Geometry(Plane(rng.uniform(-0.25, 0.25), rng.normal(0, 0.2), rng.uniform(5, 60)), bump)
        x, disparity = geometry.right(xs, ys)
        plane = geometry.plane.a * x + geometry.plane.b * ys[:, None] + geometry.plane.c
        np.testing.assert_allclose(disparity, plane + bump.value_and_slope(x, ys[:, None])[0], atol=5e-3)


def test_plane_in_space_has_the_disparity_of_its_points() -> None:
    rig = Rig(200, 100, 150.0, 80.0, 40.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        normal, corner = rng.normal(size=3), np.array([*rng.normal(size=2), rng.uniform(3, 9)])
        along = np.cross(normal, rng.normal(size=3))
        points = corner + np.outer(rng.uniform(-0.5, 0.5, 8), along)
        points = points[points[:, 2] > 0.5]
        plane = rig.plane(corner.tolist(), normal.tolist())
        found = [plane.at(x, y) for x, y in rig.project(points)]
        np.testing.assert_allclose(found, rig.focal / points[:, 2], rtol=1e-6)


# --- textures


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


def _write_pictures(folder: Path, colour: tuple[int, int, int], count: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for k in range(count):
        picture = np.clip(rng.normal(colour, 12, (120 + 200 * k, 300, 3)), 0, 255).astype(np.uint8)
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


# --- cameras


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
    assert differ >= 4
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
    assert average(lambda a, b: abs((a[..., 0] - a[..., 2]).mean()), "colour", 0.2) > 2
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


# --- options


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"length": 0}, "length"),
        ({"validation_length": -1}, "validation_length"),
        ({"seed": -1}, "seed"),
        ({"size": (8, 384)}, "size"),
        ({"size": (192, 384, 3)}, "size"),
        ({"max_disparity": 200}, "max_disparity"),
        ({"min_near": 0.0}, "min_near"),
        ({"min_near": 97.0}, "min_near"),
        ({"density": 0.0}, "density"),
        ({"glints": 1.5}, "glints"),
        ({"photograph_share": -0.1}, "photograph_share"),
        ({"layouts": {"ocean": 1.0}}, r"layouts\.ocean"),
        ({"layouts": {"street": 0.0}}, "layouts"),
        ({"patterns": {"noise": -1.0}}, "patterns"),
        ({"camera": {"fisheye": {"probability": 1.0}}}, r"camera\.fisheye"),
        ({"camera": {"noise": {"sigma": 1.0}}}, r"camera\.noise\.sigma"),
        ({"camera": {"noise": {"probability": 2.0}}}, r"camera\.noise"),
        ({"camera": {"noise": {"strength": float("nan")}}}, r"camera\.noise"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        SyntheticStereo(**options)


def test_configuration_spells_every_default() -> None:
    from omegaconf import OmegaConf

    written = OmegaConf.to_container(OmegaConf.load(config_dir() / "dataset" / "synthetic.yaml"))
    assert isinstance(written, dict)
    built = instantiate(written)
    assert isinstance(built, SyntheticStereo)
    assert written.pop("_target_") == "dsmnet.data.synthetic.SyntheticStereo"
    defaults = {k: p.default for k, p in inspect.signature(SyntheticStereo).parameters.items()}
    assert written.pop("camera") == {name: effect._asdict() for name, effect in DEFAULTS.items()}
    assert written.pop("layouts") == dict.fromkeys(LAYOUTS, 1.0)
    assert written.pop("patterns") == dict.fromkeys(PATTERNS, 1.0)
    assert tuple(written.pop("size")) == defaults["size"]
    unlisted = {"camera", "layouts", "patterns", "size"}
    assert written == {k: v for k, v in defaults.items() if k not in unlisted}
    assert built.cameras.effects == DEFAULTS
