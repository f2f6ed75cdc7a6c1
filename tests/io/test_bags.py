"""Bags: topics, times, calibration, broken files, and memory that does not grow."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, UserError
from dsmnet.inference.sources import pair_source
from dsmnet.io.bags import BagPairs, is_bag
from dsmnet.io.synchronise import Synchroniser, TimedFrame

pytest.importorskip("rosbags")

from tests.io.bags import COMPRESSED, IMAGE, INFO, Entry, camera_info, compressed, image, write_bag

SIZE = (20, 30)
KINDS = (("a.bag", ""), ("folder", "sqlite3"), ("folder", "mcap"))


def picture(number: int, side: int = 0) -> np.ndarray:
    return np.full((*SIZE, 3), (number, 100 * side, 7), np.uint8)


def stereo(
    frames: int, late: float = 0.002, left: str = "/cam/left/image_raw", right: str = "/cam/right/image_raw"
) -> Iterator[Entry]:
    for number in range(frames):
        for side, topic in enumerate((left, right)):
            yield Entry(
                topic, 1e9 + 0.1 * number + late * side, IMAGE, image(picture(number, side), padding=6)
            )


@pytest.mark.parametrize(("name", "storage"), KINDS)
def test_pairs_of_a_bag(tmp_path: Path, name: str, storage: str) -> None:
    path = write_bag(tmp_path / name, stereo(5), storage)
    assert is_bag(str(path))
    pairs = pair_source(str(path), None)
    found = list(pairs)
    assert [pair.name for pair in found] == [f"{path.stem}_{number:06d}" for number in range(1, 6)]
    assert found[2].time == pytest.approx(1e9 + 0.2, abs=1e-6)
    left, right = pairs.load(found[2])
    np.testing.assert_array_equal(left, picture(2))
    np.testing.assert_array_equal(right, picture(2, 1))
    assert len(list(pairs)) == 5  # a second time


def test_lone_storage_files_and_mixed_kinds(tmp_path: Path) -> None:
    entries = [
        Entry("/cam0/image/compressed", 1.0, COMPRESSED, compressed(picture(3))),
        Entry("/cam1/image/compressed", 1.0, COMPRESSED, compressed(picture(3, 1))),
    ]
    for storage, suffix in (("sqlite3", "*.db3"), ("mcap", "*.mcap")):
        file = next(write_bag(tmp_path / storage, entries, storage).glob(suffix))
        (pair,) = pairs = BagPairs(file)
        np.testing.assert_array_equal(pairs.load(pair)[1], picture(3, 1))


def test_sixteen_bits_become_eight_by_the_brighter_view(tmp_path: Path) -> None:
    dim, bright = (np.full(SIZE, value, np.uint16) for value in (160, 1023))
    views = (("/left", dim), ("/right", bright))
    path = write_bag(
        tmp_path / "a.bag", [Entry(t, 1.0, IMAGE, image(v, "mono16", big=True)) for t, v in views]
    )
    (pair,) = pairs = BagPairs(path)
    assert [view.max() for view in pairs.load(pair)] == [40, 255]


def test_header_times_count_and_recording_times_where_there_are_none(tmp_path: Path) -> None:
    late = [
        entry._replace(time=entry.time + 3 * ("right" in entry.topic), stamp=entry.time)
        for entry in stereo(4)
    ]
    path = write_bag(tmp_path / "late.bag", sorted(late, key=lambda entry: entry.time))
    assert len(list(BagPairs(path))) == 4
    unset = [entry._replace(stamp=0.0) for entry in stereo(4)]
    assert [round(pair.time or 0, 3) for pair in BagPairs(write_bag(tmp_path / "unset.bag", unset))][:2] == [
        1e9,
        1e9 + 0.1,
    ]


def synchronised(
    left: list[int], right: list[int], tolerance: int, order: int = 0
) -> tuple[list[Any], list[int]]:
    """Pairs of times in milliseconds, and how many were dropped; `order` 1 records each right one later."""
    frames = [TimedFrame(side, t * 10**6, t) for side, times in enumerate((left, right)) for t in times]
    frames.sort(key=lambda frame: frame.time + order * frame.side * 10**8)
    matching = Synchroniser(tolerance / 1000)
    return [(a.content, b.content) for a, b in matching.pairs(frames)], matching.dropped


@pytest.mark.parametrize("order", [0, 1])
def test_each_frame_has_the_nearest_and_is_used_once(order: int) -> None:
    assert synchronised([0, 50, 100], [1, 51, 99], 10, order) == ([(0, 1), (50, 51), (100, 99)], [0, 0])
    assert synchronised([0, 50, 100], [1, 99], 10, order) == ([(0, 1), (100, 99)], [1, 0])
    assert synchronised([0, 8], [9], 10, order) == ([(8, 9)], [1, 0])  # not the first within the tolerance
    assert synchronised([9], [0, 8, 30], 10, order) == ([(9, 8)], [0, 2])
    assert synchronised([0, 33, 66, 99], [0, 66], 40, order) == ([(0, 0), (66, 66)], [2, 0])
    assert synchronised([0], [20], 10, order) == ([], [1, 1])
    assert synchronised([5, 5], [5, 5], 0, order) == ([(5, 5), (5, 5)], [0, 0])


def test_random_times_against_all_pairings() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        left, right = (sorted(rng.choice(400, 12, replace=False).tolist()) for _ in range(2))
        pairs, dropped = synchronised(left, right, 10)
        assert all(abs(a - b) <= 10 for a, b in pairs)
        assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
        assert [12 - len(pairs)] * 2 == dropped
        assert pairs == sorted(pairs)
        for a, b in itertools.product(left, right):  # two that are each other's nearest belong together
            mutual = abs(a - b) < min([abs(a - x) for x in right if x != b] + [11])
            mutual &= abs(a - b) < min([abs(x - b) for x in left if x != a] + [11])
            assert not mutual or (a, b) in pairs


def test_a_camera_that_stops_does_not_fill_the_memory() -> None:
    alone = (TimedFrame(0, k, bytearray(10**5)) for k in range(2000))
    tracemalloc.start()
    assert list(Synchroniser(0.01).pairs(alone)) == []
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_bag(tmp_path: Path) -> None:
    large = image(np.zeros((100, 400, 3), np.uint8))  # 120 KB
    entries = [Entry(f"/{side}", 1 + k, IMAGE, large) for k in range(150) for side in ("left", "right")]
    for name, storage in KINDS:
        pairs = BagPairs(write_bag(tmp_path / f"{storage}{name}", entries, storage))
        tracemalloc.start()
        number = sum(pairs.load(pair)[0].shape == (100, 400, 3) for pair in pairs)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert number == 150
        assert peak < 6e6  # of 36 MB


def test_unmatched_frames_are_counted_and_none_is_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [entry for number, entry in enumerate(stereo(5)) if number != 3]
    path = write_bag(tmp_path / "a.bag", entries)
    assert len(list(BagPairs(path))) == 4
    assert f"{path}: 4 pairs; dropped without a partner within 0.01 s: 1 left, 0 right" in caplog.text
    far = write_bag(tmp_path / "far.bag", stereo(5, late=0.03))
    with pytest.raises(
        DataError, match=r"far\.bag: no images .* within sync_tolerance=0.01 s.* 0\.03 s apart"
    ):
        list(BagPairs(far))
    assert len(list(pair_source(str(far), None, sync_tolerance=0.04))) == 5


def test_topics_are_told_or_guessed(tmp_path: Path) -> None:
    raw, rect = list(stereo(1)), list(stereo(1, 0, "/cam/left/image_rect", "/cam/right/image_rect"))
    both = write_bag(tmp_path / "both.bag", [*raw, *rect])
    with pytest.raises(
        DataError, match=r"both\.bag: left_topic=null right_topic=null: expected two of its image topi"
    ):
        BagPairs(both)
    with pytest.raises(
        DataError, match=r"left_topic=/x right_topic=null: .*: /cam/left/image_raw, /cam/left/image_r"
    ):
        BagPairs(both, "/x")
    assert BagPairs(both, "/cam/left/image_rect").topics == ("/cam/left/image_rect", "/cam/right/image_rect")
    assert BagPairs(both, "/cam/right/image_raw", "/cam/left/image_raw").topics[0] == "/cam/right/image_raw"
    other = write_bag(tmp_path / "other.bag", stereo(1, 0, "/port/image", "/starboard/image"))
    with pytest.raises(DataError, match="/port/image, /starboard/image"):
        BagPairs(other)
    assert len(list(BagPairs(other, "/port/image", "/starboard/image"))) == 1
    none = write_bag(tmp_path / "none.bag", [Entry("/i", 1.0, INFO, camera_info(9, 0, SIZE))])
    with pytest.raises(DataError, match="it has none"):
        BagPairs(none)


def calibrated(path: Path, left: dict[str, Any], right: dict[str, Any], name: str = "image_raw") -> BagPairs:
    infos = [
        Entry("/cam/left/camera_info", 1e9, INFO, left),
        Entry("/cam/right/camera_info", 1e9, INFO, right),
    ]
    views = stereo(2, 0, f"/cam/left/{name}", f"/cam/right/{name}")
    return BagPairs(write_bag(path, [*infos, *views], "sqlite3"))


@pytest.mark.parametrize("name", ["a.bag", "folder"])
def test_camera_info_of_rectified_images_is_their_calibration(tmp_path: Path, name: str) -> None:
    pairs = calibrated(tmp_path / name, camera_info(50, 0, SIZE), camera_info(50, 0.12, SIZE))
    assert pairs.calibration == pytest.approx((50, 0.12, 14.5, 9.5, 0, None))
    assert pairs.rig is None
    bent = camera_info(50, 0, SIZE, d=[0.1, 0, 0, 0, 0]), camera_info(50, 0.12, SIZE, d=[0.1, 0, 0, 0, 0])
    assert calibrated(tmp_path / f"r_{name}", *bent, "image_rect_color").calibration == pairs.calibration


def test_camera_info_of_raw_images_is_a_rig(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rotation = cv2.Rodrigues(np.array([0.01, 0.03, -0.02]))[0]
    translation = np.array([-0.12, 0.003, 0.004])
    k = np.array([[50.0, 0, 15], [0, 51, 10], [0, 0, 1]])
    d = np.array([-0.2, 0.05, 0.001, 0.002, 0.0])
    r1, r2, p1, p2, *_ = cv2.stereoRectify(k, d, k, d, SIZE[::-1], rotation, translation[:, None])
    assert not np.allclose(r1, np.eye(3), atol=1e-3)
    infos = []
    for r, p in ((r1, p1), (r2, p2)):
        info = camera_info(50, 0, SIZE, d=d)
        infos.append({**info, "K": k.ravel(), "R": r.ravel(), "P": p.ravel()})
    pairs = calibrated(tmp_path / "a.bag", *infos)
    assert pairs.calibration is None
    assert "these images are not rectified" in caplog.text
    assert pairs.rig is not None
    np.testing.assert_allclose(pairs.rig.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(pairs.rig.translation, translation, atol=1e-9)
    np.testing.assert_array_equal(pairs.rig.left.matrix, k)
    np.testing.assert_array_equal(pairs.rig.right.distortion, d)
    assert pairs.rig.left.size == SIZE


def test_camera_info_that_cannot_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    none = calibrated(tmp_path / "none.bag", camera_info(50, 0, SIZE), camera_info(50, 0, SIZE))
    assert none.calibration is none.rig is None
    assert "states no baseline" in caplog.text
    with pytest.raises(DataError, match=r"swap\.bag: /cam/right/camera_info P, .*exchanged"):
        calibrated(tmp_path / "swap.bag", camera_info(50, 0.12, SIZE), camera_info(50, 0, SIZE))
    other = calibrated(tmp_path / "o.bag", camera_info(50, 0, (40, 60)), camera_info(50, 0.12, (40, 60)))
    with pytest.raises(
        DataError, match=r"camera_info is for \(height, width\) \(40, 60\).* expected calib=FILE"
    ):
        other.load(next(iter(other)))
    odd = {**camera_info(50, 0, SIZE, d=[0.1]), "distortion_model": "barrel\x1b"}
    with pytest.raises(DataError, match=r"distortion_model=barrel\\x1b, but one of plumb_bob"):
        calibrated(tmp_path / "odd.bag", odd, {**odd, "P": camera_info(50, 0.1, SIZE)["P"]})


@pytest.mark.parametrize(("name", "storage"), KINDS)
def test_broken_bags_end_with_one_line_that_names_the_file(tmp_path: Path, name: str, storage: str) -> None:
    path = write_bag(tmp_path / name, stereo(6), storage)
    whole = path if path.is_file() else next(p for p in path.iterdir() if p.suffix in (".db3", ".mcap"))
    data, rng = whole.read_bytes(), np.random.default_rng(0)
    work = tmp_path / f"work{whole.suffix}"
    told: list[str] = []
    for trial in range(40):
        broken = bytearray(data)
        if trial % 2:
            broken = broken[: rng.integers(0, len(broken))]
        else:
            for place in rng.integers(0, len(broken), 20):
                broken[place] = rng.integers(0, 256)
        work.write_bytes(broken)
        try:
            pairs = BagPairs(work)
            for pair in pairs:
                pairs.load(pair)
        except UserError as error:
            told.append(str(error))
    assert len(told) >= 20
    assert all(str(work) in line and "\n" not in line for line in told)


def test_bags_without_rosbags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bag(tmp_path / "a.bag", stereo(1))
    monkeypatch.setitem(sys.modules, "rosbags.rosbag1", None)
    with pytest.raises(UserError, match=r"a\.bag: bags need rosbags; pip install 'dsmnet\[bags\]'"):
        BagPairs(path)


def test_what_is_no_bag(tmp_path: Path) -> None:
    assert not any(is_bag(where) for where in ("a.png", "a.mp4", str(tmp_path), ["a.bag"], None, 7))
    with pytest.raises(DataError, match=r"left=.*no\.bag: no such file"):
        pair_source(str(tmp_path / "no.bag"), None)
    (tmp_path / "metadata.yaml").write_text("[")
    with pytest.raises(DataError, match=f"{tmp_path}: cannot be read as a ROS 2 bag"):
        pair_source(str(tmp_path), None)
    with pytest.raises(UserError, match="of a bag expected right=null"):
        pair_source("a.bag", "b.bag")
    with pytest.raises(UserError, match=r"left_topic=/x right_topic=None: left=a\.mp4 is no bag"):
        pair_source("a.mp4", "b.mp4", left_topic="/x")
    with pytest.raises(UserError, match="sync_tolerance=-1: expected a number of seconds"):
        pair_source("a.bag", None, sync_tolerance=-1)
