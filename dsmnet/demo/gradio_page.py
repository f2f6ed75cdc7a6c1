"""The demo's page: what a visitor gives, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from dsmnet.demo.upload import DemoMatcher, write_example
from dsmnet.errors import UserError

_OLD = 600, 3600  # every so many seconds, what is older than that many is removed
_SAID, _SAID_WRONG = "<p role='status'>{}</p>", "<p role='alert'>{}</p>"
_CLOUD = "<iframe title='Point cloud' sandbox='allow-scripts' srcdoc='{}'></iframe>"
STYLE = """
#said [role="alert"] { border-left: 4px solid #d33; padding: 4px 12px; overflow-wrap: anywhere; }
#cloud iframe { width: 100%; height: min(560px, 80vh); border: 0; border-radius: 8px; display: block; }
"""


def build_page(matcher: DemoMatcher, folder: Path) -> gr.Blocks:
    """Build the page; `folder` takes what is on its way to the browser."""

    def match(*chosen: Any) -> Iterator[list[Any]]:
        with TemporaryDirectory(dir=folder) as made:
            try:
                found = matcher.match(Path(made), *chosen)
            except UserError as error:
                yield [_filled(_SAID_WRONG, str(error)), gr.update(visible=False), *[None] * 4]
                return
            told = _filled(_SAID, found.summary)
            told += "".join(_filled(_SAID_WRONG, warning) for warning in found.warnings)
            turned = _filled(_CLOUD, found.cloud) if found.cloud else ""
            shown = [told, gr.update(visible=True), str(found.disparity), str(found.confidence), turned]
            yield [*shown, [str(path) for path in found.downloads]]

    def take_example(number: int) -> Iterator[tuple[str, str, int]]:
        with TemporaryDirectory(dir=folder) as made:
            left, right = write_example(number, Path(made))
            yield str(left), str(right), number + 1

    with gr.Blocks(title="dsmnet", analytics_enabled=False, delete_cache=_OLD) as page:
        gr.Markdown("# dsmnet\nTwo views to disparity, confidence and a point cloud.")
        with gr.Row():
            views = [_view_input("left"), _view_input("right")]
        with gr.Row():
            names = list(matcher.networks)
            network = gr.Dropdown(names, value=names[0], label="Network", min_width=160)
            searched = gr.Textbox("auto", label="Search range, px", max_lines=1, min_width=160)
            least = gr.Slider(0, 1, 0, step=0.05, label="Least confidence", min_width=200)
        with gr.Accordion("Calibration, for metric depth", open=False), gr.Row():
            calib = gr.File(label="Calibration files", file_count="multiple", height=140, min_width=240)
        with gr.Row():
            example = gr.Button("Example", min_width=140)
            start = gr.Button("Match", variant="primary", min_width=140)
        said = gr.HTML(elem_id="said")
        with gr.Column(visible=False) as results:
            with gr.Row():
                disparity, confidence = _picture("Disparity"), _picture("Confidence")
            cloud = gr.HTML(elem_id="cloud")
            files = gr.File(label="Downloads", file_count="multiple", interactive=False, elem_id="downloads")
        number = gr.State(0)
        example.click(take_example, number, [*views, number])
        given = [*views, network, searched, least, calib]
        start.click(match, given, [said, results, disparity, confidence, cloud, files])
    return page


def _view_input(side: str) -> gr.Image:
    """An image as its file: what is wrong with it is for our readers to say, in place of Gradio's.

    A class of its own would be as short, but for each Gradio writes a file beside its module.
    """
    label, sources = f"{side.capitalize()} view", ["upload", "clipboard"]
    view = gr.Image(label=label, sources=sources, type="filepath", height=280, min_width=280, elem_id=side)
    view.preprocess = lambda payload: payload and payload.path  # Gradio has seen that it is an upload
    return view


def _picture(label: str) -> gr.Image:
    return gr.Image(label=label, interactive=False, buttons=["download", "fullscreen"], min_width=280)


def _filled(form: str, text: str) -> str:
    """Fill a text into HTML, so that gr.HTML finds nothing of a template in it either."""
    return form.format(escape(text).replace("$", "&#36;").replace("{", "&#123;"))
