"""The demo in a browser: upload, match, turn the cloud, download, bad input; no request goes elsewhere."""

from __future__ import annotations

import json
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.demo import server
from dsmnet.io import read_disparity, read_pfm, write_calibration, write_image
from dsmnet.types import Calibration

Views = tuple[Path, Path]


@pytest.fixture(scope="module")
def address(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server; in the end nothing is left of its files."""
    pytest.importorskip("gradio", reason="gradio is not installed")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "GRADIO_RUN_HISTORY"):
            patch.setenv(name, "")  # and so given back
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        patch.setattr(server, "LARGEST_UPLOAD", 1_000_000)
        with server.running_demo(device="cpu") as started:
            yield started.rstrip("/")
        left = {path.name for path in Path(tempfile.gettempdir()).iterdir()}
        assert [name for name in left if not name.startswith("torchinductor")] == []  # that is torch's
        assert list(Path.cwd().iterdir()) == []


@pytest.fixture
def open_demo(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the demo; whatever the browser complains of or asks of others fails the test."""
    pages, complaints = [], list[str]()

    def open_(**options: Any) -> Any:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        page.set_default_timeout(15_000)
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(address)
        page.get_by_role("button", name="Match").wait_for()
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert [line for line in complaints if not line.startswith((f"{address}/", "data:", "blob:"))] == []


def upload(page: Any, *views: Path) -> None:
    """Give the views in their order, and wait until they are there."""
    for side, view in zip(("#left", "#right"), views, strict=True):
        page.locator(f"{side} input[type=file]").set_input_files(str(view))
        page.locator(side).get_by_role("button", name="Remove Image").wait_for()


def said(page: Any, role: str) -> str:
    page.get_by_role("button", name="Match").click()
    page.locator(f"#said [role={role}]").first.wait_for()
    return str(page.locator(f"#said [role={role}]").first.text_content())


def test_upload_match_turn_and_download(open_demo: Any, views: Views, tmp_path: Path) -> None:
    page = open_demo()
    upload(page, *views)
    page.get_by_label("Search range, px").fill("48")
    calib = tmp_path / "calib.txt"
    write_calibration(calib, Calibration(150, 0.2, 72, 48), (96, 144))
    page.get_by_text("Calibration, for metric depth").click()
    page.locator("input[type=file][multiple]").set_input_files(str(calib))
    page.get_by_label("Remove this file").or_(page.locator("tr.file")).first.wait_for()
    text = said(page, "status")
    assert re.match(r"\d+\.\d\d s, dsmnet_lite, cpu: 144 x 96 px, search range 48 px\. Depth by", text)
    pictures = page.locator("img")
    pictures.nth(3).wait_for()
    assert [pictures.nth(i).evaluate("i => i.naturalWidth") for i in range(2)] == [144, 144]
    assert all(pictures.nth(i).evaluate("i => i.naturalHeight") > 96 for i in (2, 3))  # with legends

    files = {}
    for link in page.locator("#downloads a[download]:has-text('B')").all():
        with page.expect_download() as started:
            link.click()
        files[started.value.suggested_filename] = tmp_path / started.value.suggested_filename
        started.value.save_as(tmp_path / started.value.suggested_filename)
    suffixes = (".pfm", ".png", ".ply", ".glb", "_depth.png", "_confidence.png", "_color.png")
    assert list(files) == [f"room{suffix}" for suffix in suffixes]
    disparity = read_pfm(files["room.pfm"])
    np.testing.assert_allclose(read_disparity(files["room.png"]), disparity, atol=0.01)
    assert files["room.ply"].read_bytes().startswith(b"ply\nformat binary_little_endian")
    assert files["room.glb"].read_bytes().startswith(b"glTF")

    canvas = page.frame_locator("#cloud iframe").locator("#view")
    canvas.scroll_into_view_if_needed()
    first, box = shot(canvas), canvas.bounding_box()
    assert first.std() > 20  # something is drawn
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 90, box["y"] + box["height"] / 2 + 20, steps=4)
    page.mouse.up()
    assert (np.abs(shot(canvas).astype(int) - first).max(-1) > 20).mean() > 0.05


def shot(canvas: Any) -> np.ndarray:
    canvas.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return cv2.imdecode(np.frombuffer(canvas.screenshot(), np.uint8), cv2.IMREAD_COLOR_RGB)


def test_an_example_is_matched_with_the_least_confidence(open_demo: Any) -> None:
    page = open_demo()
    page.get_by_role("button", name="Example").click()
    page.get_by_role("button", name="Remove Image").nth(1).wait_for()
    page.get_by_label("number input for Least confidence").fill("0.5")
    page.get_by_label("number input for Least confidence").press("Tab")
    text = said(page, "status")
    assert "640 x 400 px, search range 192 px. No calibration" in text
    assert re.search(r"\d+% of the pixels have a confidence of 0\.5 or more", text)


def test_bad_input_is_one_line_and_no_result(open_demo: Any, views: Views, tmp_path: Path) -> None:
    text, small, typed = tmp_path / "text.png", tmp_path / "small.png", "<b>{{7*7}}${7*7}</b>"
    text.write_text("no image", encoding="utf-8")
    write_image(small, np.zeros((20, 30, 3), np.uint8))
    page = open_demo()

    def match(expected: str) -> None:
        page.get_by_role("button", name="Match").click()
        page.locator("#said [role=alert]").get_by_text(expected).wait_for()

    match("left: has to be given; expected an image")
    for right, expected in (
        (text, "text.png: cannot be read as an image (PNG, JPEG, WebP, PPM or PGM)"),
        (small, "the views differ in size (height, width): room.png (96, 144), small.png (20, 30)"),
        (views[1], f"max_disparity={typed}: expected auto or a positive whole number of pixels"),
    ):
        upload(page, views[0], right)
        page.get_by_label("Search range, px").fill(typed)
        match(expected)
        for side in ("#left", "#right"):
            page.locator(side).get_by_role("button", name="Remove Image").click()
    upload(page, *views)
    page.get_by_label("Search range, px").fill("auto")
    page.get_by_text("Calibration, for metric depth").click()
    page.locator("input[type=file][multiple]").set_input_files(str(text))
    page.get_by_label("Remove this file").or_(page.locator("tr.file")).first.wait_for()
    match("text.png: no calibration of a known form")
    assert not page.get_by_text("Downloads").is_visible()


def test_no_file_of_the_server_is_read_and_large_ones_are_refused(address: str) -> None:
    def post(path: str, body: bytes, kind: str) -> bytes:
        request = urllib.request.Request(f"{address}/gradio_api/{path}", body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=20) as reply:
            return bytes(reply.read())

    def match(path: str) -> str:
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        data = json.dumps({"data": [file, file, "dsmnet_lite", "auto", 0, None]}).encode()
        event = json.loads(post("call/match", data, "application/json"))["event_id"]
        with urllib.request.urlopen(f"{address}/gradio_api/call/match/{event}", timeout=20) as reply:
            return str(reply.read().decode())

    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n%s\r\n--x--\r\n'
    uploaded = json.loads(post("upload", form % b"small", "multipart/form-data; boundary=x"))[0]
    assert "a.png: cannot be read as an image" in match(uploaded)
    refused = match(__file__)
    assert refused.startswith("event: error")
    assert "cannot be read as an image" not in refused  # which would be our reader, that has read it
    with pytest.raises(urllib.error.HTTPError, match="413"):
        post("upload", form % bytes(1_100_000), "multipart/form-data; boundary=x")


def test_it_fits_the_window_and_follows_the_color_scheme(open_demo: Any) -> None:
    page = open_demo()
    for width, scheme in ((1280, "light"), (400, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.reload()
        page.get_by_role("button", name="Match").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        color = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (max(color[:3]) < 64) == (scheme == "dark")
