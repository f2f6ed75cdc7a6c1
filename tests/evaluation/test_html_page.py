"""The page's structure, read by a parser: what it shows, in which order, and that names stay text."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import UserError
from dsmnet.evaluation import Results
from dsmnet.evaluation.html.pictures import Pictures, shares
from dsmnet.evaluation.report import HEADINGS, results_notes, results_table
from dsmnet.viz.color import error_table

VOID = {"meta", "link", "img", "input", "rect", "stop"}
HOSTILE = """\x1b[31m<img src=x onerror="alert(1)">&amp;'"</script>"""

MakePage = Callable[..., tuple[Results, str]]


class Page(HTMLParser):
    """Elements of a page with their attributes and text; complains of a tag that closes no other."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data.strip()))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and wanted.items() <= a.items()]

    def rows(self) -> list[str | None]:
        """Names of the images, from top to bottom."""
        return [a["data-name"] for a in self.all("tbody") if "data-name" in a]


@pytest.fixture
def sets(make_sample: Callable[..., Any]) -> Any:
    """Errors of 0, 5 and 2 px for a matcher that reads red, in this order."""
    return {
        "made": [make_sample("mid", red=42), make_sample("worst", red=45), make_sample("best", red=40)],
        "other": [make_sample("single", red=41, size=(9, 20))],
    }


def test_every_image_is_there_with_its_pictures_the_worst_first(make_page, sets, reads_red):
    _, text = make_page(sets, reads_red())
    page = Page(text)
    assert page.rows() == ["worst", "mid", "best", "single"]
    alts = [image["alt"] for image in page.all("img") if image["alt"]]
    kinds = ("left view", "ground truth", "prediction", "error")
    assert alts == [f"{kind} of {name}" for name in page.rows() for kind in kinds]
    assert len(page.all("th", **{"aria-sort": "descending"})) == 2  # the EPE of each set
    assert "Δ" not in text  # there is nothing to differ from
    assert page.all("select") == []


def test_a_picture_is_what_was_drawn(make_page, make_sample, reads_red):
    sample = make_sample(red=90, target=40, size=(64, 96))  # 50 px wrong: the last of KITTI's colors
    _, text = make_page({"made": [sample]}, reads_red())
    image = next(a for a in Page(text).all("img") if a["alt"] == "error of a")
    encoded = str(image["src"]).removeprefix("data:image/webp;base64,")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert picture.shape[:2] == (int(str(image["height"])), int(str(image["width"]))) == (64, 96)
    assert np.abs(picture.astype(int) - error_table()[-1]).max() < 8


def test_the_summary_and_the_notes_are_those_of_the_markdown(make_page, sets, reads_red):
    results, text = make_page(sets, reads_red(), {"b": reads_red(1)}, baselines={"base": reads_red(3)})
    said = [value for _, value in Page(text).texts]
    for row in results_table(results).rows:
        cells = [cell for cell in row if cell]
        assert any(said[i : i + len(cells)] == cells for i in range(len(said)))
    for note in results_notes(results):
        assert note in said
    for known in ("b.ckpt", "readsred", "first"):
        assert known in said
    assert any(value.startswith("python ") for tag, value in Page(text).texts if tag == "code")


def test_a_comparison_shows_both_and_where_the_second_is_worse(make_page, sets, reads_red):
    _, text = make_page(sets, reads_red(), {"b": reads_red(-3)})  # b errs by -1, 2, -3; the first by 2, 5, 0
    page = Page(text)
    assert page.rows()[:3] == ["worst", "best", "mid"]  # by the larger of the two: 5, 3, 2
    alts = [str(image["alt"]) for image in page.all("img") if "worst" in str(image["alt"])]
    assert [alt.removesuffix(" of worst") for alt in alts] == [
        *("left view", "ground truth"),
        *("prediction, first", "error, first", "prediction, b", "error, b"),
    ]
    differences = [
        (cell["data-value"], (cell["class"] or "").split()[-1])
        for cell in page.all("td", **{"data-metric": "epe"})
        if (cell["class"] or "").endswith(("better", "worse"))
    ]
    assert differences[:3] == [("-3.0", "better"), ("3.0", "worse"), ("-1.0", "better")]
    said = [value for _, value in page.texts]
    assert ("−3.00" in said, "+3.00" in said, "b − first" in said) == (True, True, True)
    assert [option["value"] for option in page.all("option")] == [*HEADINGS, ""]


def test_a_baseline_has_no_say_in_the_order(make_page, sets, reads_red):
    _, text = make_page(sets, reads_red(), baselines={"base": reads_red(-5)}, limit=2)  # off by -3, 0, -5
    page = Page(text)
    assert page.rows()[:3] == ["worst", "mid", "best"]
    pictured = {str(image["alt"]) for image in page.all("img")}
    assert {"error, base of worst", "error, readsred of worst"} < pictured
    assert "left view of best" not in pictured
    headings = page.all("th", **{"aria-sort": "descending"})
    assert [heading["data-metric"] for heading in headings] == ["epe", "epe"]


def test_an_answer_that_is_not_finite_comes_first_and_is_infinite(make_page, sets, reads_red):
    class Torn(reads_red):  # type: ignore[misc]
        def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
            answer = super().predict(left, right, max_disparity)
            if left[0, 0, 0] == 40:
                answer[1, 1] = np.nan
            return answer

    _, text = make_page(sets, reads_red(), {"torn": Torn()})
    page = Page(text)
    assert page.rows()[0] == "best"
    assert page.all("td", **{"data-value": "inf", "data-metric": "epe"})
    assert any("torn: 1 pixels are predicted as nan or infinite" in value for _, value in page.texts)


def test_names_stay_text(make_page, make_sample, reads_red):
    sets = {f"set{HOSTILE}": [make_sample(HOSTILE, red=44), make_sample("b")]}
    _, text = make_page(sets, reads_red(), {f"net{HOSTILE}": reads_red(1)}, checkpoint=f"runs/{HOSTILE}.ckpt")
    page = Page(text)
    assert page.rows()[0] == HOSTILE.replace("\x1b", "\\x1b")
    assert len(page.all("script")) == 1
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    assert all(str(image.get("src") or "data:").startswith("data:") for image in page.all("img"))
    assert HOSTILE not in text
    assert "\x1b" not in text
    assert f"runs/{HOSTILE}.ckpt".replace("\x1b", "\\x1b") in html.unescape(text)


def test_nothing_comes_from_elsewhere(make_page, sets, reads_red):
    _, text = make_page(sets, reads_red())
    page = Page(text)
    for _, attributes in page.elements:
        for key in ("src", "href"):
            assert str(attributes.get(key) or "#").startswith(("#", "data:"))
        assert "style" not in attributes  # the policy would drop it
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in str(policy["content"])
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy["content"])


def test_of_more_images_than_asked_for_the_worst_have_pictures_and_the_page_says_so(
    make_page: MakePage, sets: Any, reads_red: Any
) -> None:
    _, text = make_page(sets, reads_red(), limit=3)
    page = Page(text)
    assert page.rows() == ["worst", "mid", "best", "single"]  # the numbers of all
    pictured = [str(image["alt"]) for image in page.all("img") if image["alt"]]
    assert [alt.removeprefix("error of ") for alt in pictured if alt.startswith("error")] == [
        *("worst", "mid", "single")
    ]
    said = [value for _, value in page.texts if value.startswith("Pictures:")]
    assert len(said) == 1
    assert "the 2 of 3 images with the largest EPE" in said[0]
    assert "html_images=3" in said[0]


def test_no_pictures_at_all(make_page, sets, reads_red, tmp_path):
    _, text = make_page(sets, reads_red(), limit=0)
    assert [image for image in Page(text).all("img") if image["alt"]] == []
    assert not (tmp_path / "page").exists()


def test_the_limit_is_divided_over_the_sets():
    assert shares({"large": 500, "small": 10, "one": 1}, 200) == {"large": 189, "small": 10, "one": 1}
    assert shares({"a": 30, "b": 30, "c": 30}, 20) == {"a": 6, "b": 7, "c": 7}
    assert shares({"a": 3, "b": 2}, 200) == {"a": 3, "b": 2}
    assert shares({}, 5) == {}


@pytest.mark.parametrize("limit", [-1, 2.5, "many", None, True])
def test_a_limit_that_is_no_number_of_images_is_named(limit, tmp_path):
    with pytest.raises(UserError, match=r"html_images=.*expected a whole number"):
        Pictures(tmp_path, limit)


def test_the_temporary_pictures_go_even_when_the_evaluation_fails(make_page, sets, reads_red, tmp_path):
    class Fails(reads_red):  # type: ignore[misc]
        def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
            raise UserError("no answer")

    with pytest.raises(UserError, match="no answer"):
        make_page(sets, reads_red(), {"b": Fails()})
    assert list((tmp_path / "page").iterdir()) == []
