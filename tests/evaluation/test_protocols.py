"""Each preset against loops over pixels, written from what its public code does and not from ours."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dsmnet.config import compose, config_dir, instantiate
from dsmnet.evaluation import EvaluationProtocol, evaluate, evaluate_set
from dsmnet.evaluation.regions import CAP, count_errors
from dsmnet.metrics import THRESHOLDS
from dsmnet.types import Matcher, StereoSample

PRESETS = sorted(path.stem for path in (config_dir() / "protocol").glob("*.yaml"))
# On both sides of every bound that a preset has.
TRUTHS = [0.0005, 0.001, 0.25, 2.0, 60.0, 90.0, 150.0, 190.75, 191.0, 191.25, 192.0, 192.25, 511.75, 512.0]
TRUTHS += [600.0, 999.5, 1000.0, 1200.0]
ERRORS = [0.0, 0.25, 0.75, 1.5, 2.5, 3.75, 9.5, 30.5]
Pixel = tuple[float, float, bool, bool]  # ground truth, error, seen by both views, on an object


def make_images(noc: bool = True) -> list[tuple[StereoSample, np.ndarray]]:
    """Three images of unlike size and quality, and their predictions; the last one is occluded all over."""
    images = []
    for number, (height, width, worst) in enumerate([(4, 9, 4), (11, 30, 8), (3, 8, 8)]):
        rng = np.random.default_rng(number)
        target = rng.choice(np.float32(TRUTHS), (height, width))
        valid = rng.random((height, width)) < 0.8
        error = rng.choice(np.float32(ERRORS[:worst]), (height, width)) * rng.choice([-1, 1], (height, width))
        left = np.full((height, width, 3), number, np.uint8)
        sample: StereoSample = {"left": left, "right": left, "name": f"image{number}", "dataset": "made"}
        sample |= {"disparity": np.where(valid, target, 0).astype(np.float32), "valid": valid}  # type: ignore[typeddict-item]
        sample["foreground"] = rng.random((height, width)) < 0.3
        if noc:
            sample["noc"] = valid & (rng.random((height, width)) < 0.7) & (number < 2)
        images.append((sample, (target + error).astype(np.float32)))
    return images


class Answers(Matcher):
    """Answers with what was worked out before."""

    def __init__(self, images: list[tuple[StereoSample, np.ndarray]]) -> None:
        self.predictions = [prediction for _, prediction in images]

    def predict(self, left: Any, right: Any, ground_truth_below: int | None = None) -> np.ndarray:
        return self.predictions[left[0, 0, 0]]


def pixels_of(image: tuple[StereoSample, np.ndarray]) -> Iterator[Pixel]:
    """Yield the known pixels of an image, one by one."""
    sample, prediction = image
    for y, x in np.ndindex(prediction.shape):
        if sample["valid"][y, x]:
            target = float(sample["disparity"][y, x])
            seen = bool(sample["noc"][y, x]) if "noc" in sample else True
            yield target, abs(float(prediction[y, x]) - target), seen, bool(sample["foreground"][y, x])


def mean_of_images(images: Any, counts: Callable[[Pixel], bool], value: Callable[[Pixel], float]) -> float:
    means = []
    for image in images:
        values = [value(pixel) for pixel in pixels_of(image) if counts(pixel)]
        if values:
            means.append(sum(values) / len(values))
    return sum(means) / len(means)


def mean_of_pixels(images: Any, counts: Callable[[Pixel], bool], value: Callable[[Pixel], float]) -> float:
    values = [value(pixel) for image in images for pixel in pixels_of(image) if counts(pixel)]
    return sum(values) / len(values)


def error(pixel: Pixel) -> float:
    return pixel[1]


def above(threshold: float) -> Callable[[Pixel], float]:
    return lambda pixel: 100.0 if pixel[1] > threshold else 0.0


def d1(pixel: Pixel) -> float:
    return 100.0 if pixel[1] > 3 and pixel[1] / pixel[0] > 0.05 else 0.0


IMAGES, PIXELS = mean_of_images, mean_of_pixels
KITTI, MB, ETH, FLOW = "kitti2015", "middlebury", "eth3d", "sceneflow"
# preset, set, which pixels count, their headline metric, how it and the EPE are averaged
CASES: list[tuple[str, str, Callable[[Pixel], bool], Callable[[Pixel], float], Any, Any]] = [
    ("ours", KITTI, lambda p: p[2], d1, IMAGES, IMAGES),
    ("ours", MB, lambda p: p[2], above(2), IMAGES, IMAGES),
    ("ours", ETH, lambda p: p[2], above(1), IMAGES, IMAGES),
    ("ours", FLOW, lambda p: p[0] < 192, error, IMAGES, IMAGES),
    ("raft", KITTI, lambda p: True, above(3), PIXELS, IMAGES),
    ("raft", MB, lambda p: p[0] < 1000, above(2), IMAGES, IMAGES),
    ("raft", ETH, lambda p: p[0] < 512, above(1), IMAGES, IMAGES),
    ("raft", FLOW, lambda p: p[0] < 192, above(1), PIXELS, IMAGES),
    ("igev", KITTI, lambda p: p[0] < 192, above(3), PIXELS, IMAGES),
    ("igev", MB, lambda p: p[0] < 192 and p[2], above(2), IMAGES, IMAGES),
    ("igev", ETH, lambda p: p[0] < 512 and p[2], above(1), IMAGES, IMAGES),
    ("igev", FLOW, lambda p: p[0] < 192, error, IMAGES, IMAGES),
    ("openstereo", KITTI, lambda p: 0 < p[0] < 192, d1, IMAGES, IMAGES),
    ("openstereo", MB, lambda p: 0 < p[0] < 192 and p[2], above(2), IMAGES, IMAGES),
    ("openstereo", ETH, lambda p: 0 < p[0] < 192 and p[2], above(1), IMAGES, IMAGES),
    ("openstereo", FLOW, lambda p: 0 < p[0] < 192, error, IMAGES, IMAGES),
    ("toolbox", KITTI, lambda p: 0 < p[0] < 191, above(3), IMAGES, IMAGES),
    ("toolbox", MB, lambda p: 0 < p[0] < 191, above(2), IMAGES, IMAGES),
    ("toolbox", ETH, lambda p: 0 < p[0] < 191, above(1), IMAGES, IMAGES),
    ("kitti", KITTI, lambda p: True, d1, PIXELS, PIXELS),
    ("kitti", "kitti2012", lambda p: p[2], above(3), IMAGES, IMAGES),
    ("dsmnet", KITTI, lambda p: np.float32(0.001) <= p[0] <= 192, above(3), IMAGES, IMAGES),
    ("dsmnet", MB, lambda p: np.float32(0.001) <= p[0] <= 192, above(2), IMAGES, IMAGES),
    ("dsmnet", ETH, lambda p: np.float32(0.001) <= p[0] <= 192, above(1), IMAGES, IMAGES),
    ("dsmnet", FLOW, lambda p: np.float32(0.001) <= p[0] <= 192, above(1), IMAGES, IMAGES),
]


def preset(name: str, *overrides: str) -> EvaluationProtocol:
    protocol = instantiate(compose("evaluate", [f"protocol={name}", *overrides]).protocol)
    assert isinstance(protocol, EvaluationProtocol)
    return protocol


def score(images: Any, protocol: EvaluationProtocol, name: str = KITTI) -> dict[str, Any]:
    samples: Any = [sample for sample, _ in images]
    result = evaluate_set(Answers(images), samples, protocol, name, progress=False)
    return json.loads(json.dumps(result.to_dict(), allow_nan=False))


@pytest.mark.parametrize(("name", "data", "counts", "metric", "average", "average_epe"), CASES)
def test_a_preset_gives_what_its_public_code_would(name, data, counts, metric, average, average_epe):
    images = make_images()
    entry = score(images, preset(name), data)
    assert entry["epe"] == pytest.approx(average_epe(images, counts, error), abs=1e-5)
    headline = entry[entry["rule"]["headline"]]
    assert headline == pytest.approx(average(images, counts, metric), abs=1e-5)
    # the case would notice the other average, other pixels and another threshold
    assert IMAGES(images, counts, metric) != pytest.approx(PIXELS(images, counts, metric), abs=1e-3)
    assert entry["pixels"] == sum(counts(pixel) for image in images for pixel in pixels_of(image))


def test_every_preset_is_checked_and_bears_the_name_of_its_file():
    assert set(PRESETS) == {case[0] for case in CASES}
    for name in PRESETS:
        protocol = preset(name)
        assert protocol.name == name
        assert len(protocol.description) > 20
        named = {
            data for data in protocol.sets if not any(c[0] == name and c[1].startswith(data) for c in CASES)
        }
        assert not named, f"no case for {named}"


def test_presets_differ_in_numbers():
    images = make_images()
    tables = {KITTI: "bad3", MB: "bad2", ETH: "bad1"}
    found = {
        name: tuple(score(images, preset(name), data)[metric] for data, metric in tables.items())
        for name in PRESETS
    }
    assert len(set(found.values())) == len(found), found


def test_visible_and_occluded_pixels_of_the_toolbox():
    images = make_images()
    for pixels, seen in (("noc", True), ("occ", False)):
        entry = score(images, preset("toolbox", f"protocol.pixels={pixels}"), MB)
        expected = IMAGES(images, lambda p, seen=seen: p[0] < 191 and p[2] is seen, above(2))
        assert entry["bad2"] == pytest.approx(expected, abs=1e-5)
        assert entry["pixels_used"] == pixels


@pytest.mark.parametrize("noc", [True, False])
def test_regions_are_what_the_loops_give(noc):
    images = make_images(noc)
    entry = score(images, preset("ours"))["regions"]
    thresholds = {"bad0.5": 0.5, "bad1": 1, "bad2": 2, "bad3": 3}
    measures: dict[str, Any] = {"epe": error, **{name: above(k) for name, k in thresholds.items()}, "d1": d1}
    assert set(measures) == {"epe", *THRESHOLDS, "d1"}
    seen = {"noc": (True,), "occ": (False,), "all": (True, False)}
    assert entry.keys() == (set(seen) if noc else {"all"})
    for pixels, by_cap in entry.items():
        for cap, bound in (("none", math.inf), ("192", 192)):

            def counts(p: Pixel, pixels: str = pixels, bound: float = bound) -> bool:
                return p[2] in seen[pixels] and p[0] < bound

            found = by_cap[cap]
            per_image = [sum(map(counts, pixels_of(image))) for image in images]
            assert (found["images"], found["pixels"]) == (sum(n > 0 for n in per_image), sum(per_image))
            for name, measure in measures.items():
                assert found["image"][name] == pytest.approx(IMAGES(images, counts, measure), abs=1e-5)
                assert found["pixel"][name] == pytest.approx(PIXELS(images, counts, measure), abs=1e-5)


def test_another_protocol_is_read_off_the_regions():
    images = make_images()
    regions = score(images, preset("ours"))["regions"]
    other = score(images, EvaluationProtocol("all", ground_truth_below=CAP, average="pixel"))
    assert {key: regions["all"]["192"]["pixel"][key] for key in ("epe", "bad1", "d1")} == {
        key: other[key] for key in ("epe", "bad1", "d1")
    }


def test_d1_of_background_and_foreground():
    images = make_images()
    del images[0][0]["foreground"]
    entry = score(images, preset("kitti"))["objects"]
    known = images[1:]
    for pixels, seen in (("noc", (True,)), ("all", (True, False))):
        expected = {"images": 1 if pixels == "noc" else 2}  # nothing of the last one is visible
        for part, on_object in (("bg", (False,)), ("fg", (True,)), ("all", (True, False))):

            def counts(p: Pixel, seen: Any = seen, on_object: Any = on_object) -> bool:
                return p[2] in seen and p[3] in on_object

            expected[f"d1_{part}"] = pytest.approx(PIXELS(known, counts, d1), abs=1e-5)
        assert entry[pixels] == expected
    for sample, _ in images[1:]:
        del sample["foreground"]
    assert "objects" not in score(images, preset("kitti"))


def test_an_image_without_visible_pixels_has_no_score_but_counts_in_other_regions():
    images = make_images()
    entry = score(images, preset("ours"))
    assert entry["skipped"] == ["image2"]
    assert (entry["images"], entry["regions"]["all"]["none"]["images"]) == (2, 3)


def test_no_answer_is_infinite_in_its_region_alone():
    images = make_images()
    sample, prediction = images[1]
    y, x = np.argwhere(sample["noc"] & (sample["disparity"] > CAP))[0]
    prediction[y, x] = math.nan
    regions = score(images, preset("ours"))["regions"]
    assert regions["noc"]["none"]["image"]["epe"] is regions["all"]["none"]["pixel"]["epe"] is None
    assert regions["noc"]["none"]["image"]["bad3"] is not None
    assert regions["noc"]["192"]["image"]["epe"] is not None
    assert regions["occ"]["none"]["image"]["epe"] is not None


def test_the_result_says_what_a_protocol_needs_and_the_set_lacks():
    blind, seen = make_images(noc=False), make_images()
    for sample, _ in seen:
        sample["valid"] = sample["noc"]
    entry = score(blind, preset("igev"), MB)
    assert entry["pixels_used"] == "all"
    assert "does not tell which pixels both views see" in entry["lacks"]
    assert "only pixels that both views see" in score(seen, preset("raft"))["lacks"]
    none = score(blind, EvaluationProtocol("occ"))
    assert none["images"] == 0
    assert "no ground truth of pixels that the right view does not see" in none["lacks"]
    assert score(make_images(), preset("ours"))["lacks"] is None
    assert "for some images" in score([blind[0], make_images()[1]], preset("ours"))["lacks"]


def test_the_whole_protocol_is_written_and_stays_small():
    images = make_images()
    samples: Any = {"kitti2015": [s for s, _ in images], "middlebury_half": [s for s, _ in images]}
    results = evaluate(Answers(images), samples, preset("raft"), progress=False).to_dict()
    protocol = results["protocol"]
    assert (protocol["name"], protocol["pixels"], protocol["ground_truth_below"]) == ("raft", "all", None)
    assert protocol["sets"]["middlebury"]["ground_truth_below"] == 1000
    half = results["sets"]["middlebury_half"]
    assert half["rule"] == protocol["sets"]["middlebury"]
    assert half["ground_truth_size"] == {"smallest": [3, 8], "largest": [11, 30]}
    rebuilt = EvaluationProtocol(**protocol)
    assert rebuilt.to_dict() == protocol
    assert not {"regions", "rule"} & half["per_image"][0].keys()
    assert len(json.dumps({key: half[key] for key in ("regions", "objects", "rule")})) < 4000


def test_each_known_pixel_counts_once():
    (sample, prediction), *_ = make_images()
    scored = sample["valid"] & (sample["disparity"] < 100)
    errors = count_errors(sample, prediction, scored)
    assert errors.scored.pixels == scored.sum()
    known = sample["valid"].sum()
    assert errors.regions["noc", "none"].pixels + errors.regions["occ", "none"].pixels == known
    assert errors.objects["all", "bg"].pixels + errors.objects["all", "fg"].pixels == known
