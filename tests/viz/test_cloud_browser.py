"""The page in a browser, from its file: what is drawn, turning, moving, zooming, resetting; no request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.viz.cloud import build_cloud
from dsmnet.viz.cloud_page import render_cloud
from dsmnet.viz.color import color_table

OpenPage = Callable[..., Any]
RED = np.array((230, 20, 20))
GROUND = np.array((22, 24, 29))


@pytest.fixture
def file(scene: Any, tmp_path: Path) -> Path:
    path = tmp_path / "square_cloud.html"
    path.write_text(render_cloud(build_cloud(*scene), "square"), encoding="utf-8")
    return path


@pytest.fixture
def tab(open_page: OpenPage, file: Path) -> Any:
    page = open_page(file)
    # One pixel of the image is 5 px of the screen: 600 x 450 of 900 x 700 below the controls.
    assert page.locator("#view").bounding_box()["height"] > 450
    return page


def picture(tab: Any) -> np.ndarray:
    """Return what the canvas shows, RGB."""
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    data = tab.locator("#view").screenshot()
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def red(image: np.ndarray) -> np.ndarray:
    """Return where the near square is: x, y of its middle, and its area in pixels."""
    places = np.argwhere(np.abs(image.astype(int) - RED).max(-1) < 12)
    return np.array([*places.mean(axis=0)[::-1], len(places)])


def wall(image: np.ndarray) -> np.ndarray:
    """Return the left and the right end of what is drawn, pixels."""
    inner = image[2:-2].astype(int)  # the first and the last row may be shared with what is above and below
    columns = np.flatnonzero((np.abs(inner - GROUND).max(-1) > 12).any(axis=0))
    return np.array([columns[0], columns[-1]])


def middle(tab: Any) -> tuple[float, float]:
    box = tab.locator("#view").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(tab: Any, x: float, y: float, button: str = "left") -> None:
    at = middle(tab)
    tab.mouse.move(*at)
    tab.mouse.down(button=button)
    tab.mouse.move(at[0] + x, at[1] + y, steps=4)
    tab.mouse.up(button=button)


def test_it_opens_with_the_image(tab: Any, scene: Any) -> None:
    shown = picture(tab)
    height, width = shown.shape[:2]
    scale = min(height / 90, width / 120)
    size = round(120 * scale), round(90 * scale)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    found = shown[y : y + size[1], x : x + size[0]]
    expected = cv2.resize(scene.image, size, interpolation=cv2.INTER_NEAREST)
    assert cv2.PSNR(found[8:-8, 8:-8], expected[8:-8, 8:-8]) > 25
    assert np.median(np.abs(found.astype(int) - expected)) <= 1
    np.testing.assert_allclose(wall(shown), (x, x + size[0] - 1), atol=4)


def test_dragging_turns_it(tab: Any) -> None:
    first = picture(tab)
    drag(tab, 60, 0)
    turned = picture(tab)
    assert (np.abs(turned.astype(int) - first).max(-1) > 20).mean() > 0.05
    assert red(turned)[0] > red(first)[0] + 20  # what is near goes with the mouse
    assert wall(turned)[1] < wall(first)[1]  # the wall recedes on one side
    drag(tab, -60, 0)
    np.testing.assert_allclose(red(picture(tab)), red(first), rtol=0.01)
    drag(tab, 0, 40)
    assert red(picture(tab))[1] > red(first)[1] + 10


def test_reset_gives_back_the_first_picture(tab: Any) -> None:
    first = picture(tab)
    drag(tab, 90, -30)
    drag(tab, 20, 50, button="right")
    tab.mouse.wheel(0, -300)
    assert (picture(tab) != first).mean() > 0.2
    tab.get_by_role("button", name="Reset").click()
    np.testing.assert_array_equal(picture(tab), first)
    tab.keyboard.press("ArrowLeft")
    assert (picture(tab) != first).any()
    tab.keyboard.press("r")
    tab.locator("#reset").blur()
    np.testing.assert_array_equal(picture(tab), first)


def test_the_wheel_zooms(tab: Any) -> None:
    before = red(picture(tab))[2]
    tab.mouse.move(*middle(tab))
    tab.mouse.wheel(0, -200)
    nearer = red(picture(tab))[2]
    assert nearer > 1.3 * before
    tab.mouse.wheel(0, 200)
    assert red(picture(tab))[2] == pytest.approx(before, rel=0.02)
    tab.mouse.wheel(0, 400)
    assert red(picture(tab))[2] < 0.8 * before
    tab.get_by_role("button", name="Reset").click()
    tab.keyboard.press("+")
    assert red(picture(tab))[2] > 1.1 * before


def test_the_right_button_and_shift_move_it(tab: Any) -> None:
    first = red(picture(tab))
    drag(tab, 50, 30, button="right")
    moved = red(picture(tab)) - first
    # The wall, as far away as the middle, goes with the mouse; the square at half that distance twice as far.
    np.testing.assert_allclose(moved[:2], (100, 60), atol=6)
    assert abs(moved[2]) < 0.1 * first[2]
    tab.keyboard.down("Shift")
    drag(tab, -50, -30)
    tab.keyboard.up("Shift")
    np.testing.assert_allclose(red(picture(tab)), first, rtol=0.01)


def test_arrow_keys_turn_it(tab: Any) -> None:
    first = red(picture(tab))
    tab.keyboard.press("ArrowRight")
    assert red(picture(tab))[0] > first[0] + 10
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowDown")
    turned = red(picture(tab))
    assert turned[1] > first[1] + 10
    assert turned[0] == pytest.approx(first[0], abs=2)
    tab.locator("#size").focus()
    tab.keyboard.press("ArrowRight")  # that is the slider's
    assert red(picture(tab))[1] == pytest.approx(turned[1], abs=2)


def test_points_grow_with_the_slider(tab: Any) -> None:
    drag(tab, 120, 60)
    filled = []
    for value in ("0.5", "2", "5"):
        tab.locator("#size").fill(value)
        filled.append((np.abs(picture(tab).astype(int) - GROUND).max(-1) > 12).sum())
    assert filled[0] < 0.5 * filled[1]
    assert filled[1] < filled[2]


def test_colors_tell_depth(tab: Any) -> None:
    image = picture(tab)
    at = tuple(np.rint(red(image)[[1, 0]]).astype(int))
    tab.get_by_label("depth", exact=True).check()
    colored = picture(tab)
    far, near = color_table()[[0, -1]].astype(int)
    assert np.abs(colored[at] - near).max() <= 2
    height, width = colored.shape[:2]
    assert np.abs(colored[height // 2, width // 2 + 150] - far).max() <= 2
    tab.get_by_label("image", exact=True).check()
    np.testing.assert_array_equal(picture(tab), image)


def test_the_scale_and_the_reading_are_metres(tab: Any) -> None:
    ticks = [float(text) for text in tab.locator("#scale li").all_text_contents()]
    assert ticks[0] == 4
    assert ticks[-1] == 2
    bar, four = (tab.locator(where).bounding_box() for where in ("#scale svg", "#scale li >> nth=0"))
    assert four["x"] + four["width"] / 2 == pytest.approx(bar["x"], abs=2)
    x, y, _ = red(picture(tab))
    box = tab.locator("#view").bounding_box()
    reading = tab.locator("#reading")
    tab.mouse.move(box["x"] + x, box["y"] + y)
    reading.wait_for(state="visible")
    assert reading.text_content() == "depth 2.000 m"
    tab.mouse.move(box["x"] + x + 200, box["y"] + y)
    tab.wait_for_function("document.getElementById('reading').textContent === 'depth 4.000 m'")
    tab.mouse.move(box["x"] + 3, box["y"] + 3)
    reading.wait_for(state="hidden")


def test_two_fingers_zoom_and_one_turns(open_page: OpenPage, file: Path) -> None:
    tab = open_page(file, has_touch=True)
    touch = tab.context.new_cdp_session(tab)
    x, y = middle(tab)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    first = red(picture(tab))
    fingers("Start", (x, y))
    for step in (20, 40, 60):
        fingers("Move", (x + step, y))
    tab.wait_for_timeout(300)  # a finger that leaves in motion is a fling, which swallows the next tap
    fingers("End")
    assert red(picture(tab))[0] > first[0] + 20
    tab.get_by_role("button", name="Reset").tap()
    assert red(picture(tab))[2] == pytest.approx(first[2], rel=0.02)
    fingers("Start", (x - 50, y), (x + 50, y))
    for step in (60, 70, 80):
        fingers("Move", (x - step, y), (x + step, y))
    fingers("End")
    assert red(picture(tab))[2] > 1.3 * first[2]


@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_every_window(open_page: OpenPage, file: Path, width: int) -> None:
    tab = open_page(file)
    tab.set_viewport_size({"width": width, "height": 740})
    for side in ("Width", "Height"):
        assert tab.evaluate(f"document.documentElement.scroll{side} <= inner{side}")
    shown = picture(tab)
    assert shown.shape[1] == width
    assert red(shown)[2] > 900  # the image's width is the window's or its height the canvas's


def test_without_webgl_it_says_so(open_page: OpenPage, file: Path) -> None:
    tab = open_page(file, before="HTMLCanvasElement.prototype.getContext = () => null")
    assert tab.get_by_role("alert").is_visible()
    assert "it has no WebGL" in tab.get_by_role("alert").text_content()
    assert not tab.locator("#controls").is_visible()
    tab.keyboard.press("ArrowLeft")  # is no error either


def test_a_lost_graphics_context_comes_back(open_page: OpenPage, file: Path) -> None:
    keep = """
        const canvas = HTMLCanvasElement.prototype;
        const get = canvas.getContext;
        canvas.getContext = function (...all) { return (window.drawn = get.apply(this, all)); };
    """
    tab = open_page(file, before=keep)
    first = picture(tab)
    tab.evaluate("window.loss = drawn.getExtension('WEBGL_lose_context'); loss.loseContext()")
    tab.wait_for_function("drawn.isContextLost()")
    tab.wait_for_timeout(100)  # the event that says so comes later, and only after it may be restored
    tab.evaluate("loss.restoreContext()")
    tab.wait_for_function("!drawn.isContextLost()")
    tab.wait_for_timeout(100)
    np.testing.assert_array_equal(picture(tab), first)
