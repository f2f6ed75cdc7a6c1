"""The page in a browser, from its file: sorting, filtering, enlarging, and not one request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def tab(
    open_page: Callable[..., Any],
    make_page: Callable[..., Any],
    make_sample: Any,
    reads_red: Any,
    tmp_path: Path,
) -> Any:
    """A page of two sets and two methods."""

    class Reversed(reads_red):  # type: ignore[misc]
        def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
            return np.float32(85) - super().predict(left, right, max_disparity)

    errors = {"a10": 5, "a9": 1, "b": 3}  # of the first; 45 - red - 40 of the second: 0, 4, 2
    sets = {
        "made": [make_sample(name, red=40 + error, size=(60, 90)) for name, error in errors.items()],
        "other": [make_sample("<b>c</b>", red=40, size=(60, 90))],
    }
    _, text = make_page(sets, reads_red(), {"second": Reversed()})
    file = tmp_path / "results.html"
    file.write_text(text, encoding="utf-8")
    return open_page(file)


def names(tab: Any) -> list[str]:
    return tab.eval_on_selector_all(
        "section.set tbody", "found => found.filter(b => !b.hidden).map(b => b.dataset.name)"
    )


def heading(tab: Any, first: str, second: str = "") -> Any:
    return tab.locator("section.set").first.get_by_role(
        "button", name=f"{first} {second}".strip(), exact=True
    )


def test_clicking_a_heading_sorts_and_again_reverses(tab: Any) -> None:
    assert names(tab) == ["a10", "a9", "b", "<b>c</b>"]
    heading(tab, "EPE px", "first").click()
    assert names(tab)[:3] == ["a10", "b", "a9"]
    heading(tab, "EPE px", "first").click()
    assert names(tab)[:3] == ["a9", "b", "a10"]
    heading(tab, "Δ EPE px", "second − first").click()  # where the second is worse
    assert names(tab)[:3] == ["a9", "b", "a10"]
    heading(tab, "image").click()
    assert names(tab)[:3] == ["a9", "a10", "b"]  # numbers in names count as numbers
    sorted_by = tab.locator("section.set th[aria-sort]")
    assert sorted_by.count() == 1
    assert sorted_by.get_attribute("aria-sort") == "ascending"
    # the pictures went with their lines
    assert tab.locator("section.set tbody").nth(1).locator("img").first.get_attribute("alt") == (
        "left view of a10"
    )


def test_the_summary_sorts_too(tab: Any) -> None:
    column = tab.locator("#summary ~ .scroll")
    column.get_by_role("button", name="EPE px").click()
    values = column.locator("tbody td:nth-child(4)").all_text_contents()
    assert [float(value) for value in values] == sorted(map(float, values), reverse=True)


def test_the_keyboard_sorts_and_enlarges(tab: Any) -> None:
    heading(tab, "EPE px", "second").focus()
    tab.keyboard.press("Enter")
    assert names(tab)[:3] == ["a9", "b", "a10"]
    small = tab.locator(".strip button").first
    small.focus()
    tab.keyboard.press("Enter")
    large = tab.locator("#large-image")
    assert large.is_visible()
    assert large.get_attribute("alt") == "left view of a9"
    assert large.evaluate("image => image.complete && image.naturalWidth") == 90
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    assert large.get_attribute("alt") == "ground truth of b"
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    assert large.get_attribute("alt") == "error, second of a9"
    tab.keyboard.press("Escape")
    assert not large.is_visible()
    # The focus moves when the browser comes to the close event, which it queues.
    tab.locator("button:focus img[alt='error, second of a9']").wait_for(timeout=10_000)


def test_clicking_enlarges_and_closes(tab: Any) -> None:
    small = tab.locator(".strip button").nth(3)
    small.click()
    large = tab.locator("#large-image")
    assert large.bounding_box()["width"] > 2 * small.bounding_box()["width"]
    assert "EPE px first 5.00" in tab.locator("#large-scores").text_content()
    tab.get_by_role("button", name="Close").click()
    assert not large.is_visible()


def test_the_filter_hides_what_has_another_name(tab: Any) -> None:
    tab.locator("#filter").fill("A")
    assert names(tab) == ["a10", "a9"]
    assert tab.locator("#count").text_content() == "2 of 4 images"
    assert tab.get_by_text("No image of other has that in its name").is_visible()
    tab.locator("#filter").fill("<b>")
    assert names(tab) == ["<b>c</b>"]
    tab.locator("#filter").fill("")
    assert len(names(tab)) == 4


def test_scores_and_pictures_are_chosen(tab: Any) -> None:
    assert not heading(tab, "D1 %", "first").is_visible()
    tab.locator("#metric").select_option("d1")
    assert heading(tab, "D1 %", "first").is_visible()
    assert not heading(tab, "EPE px", "first").is_visible()
    tab.locator("#metric").select_option("")
    assert heading(tab, "EPE px", "first").is_visible()
    tab.locator("#show").uncheck()
    assert not tab.locator(".strip").first.is_visible()


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_itself_never_scrolls_sideways(tab: Any, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    strip = tab.locator(".strip").first.bounding_box()
    assert strip["x"] >= 0
    assert strip["x"] + strip["width"] <= width


def test_dark_mode_is_followed(tab: Any) -> None:
    tab.emulate_media(color_scheme="dark")
    channels = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(channels) < 64
