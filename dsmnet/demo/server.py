"""The demo's server: one process, one temporary folder."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dsmnet.demo.upload import DemoMatcher
from dsmnet.errors import UserError
from dsmnet.options import check_whole

log = logging.getLogger(__name__)

LARGEST_UPLOAD = 40_000_000  # bytes of a file
_WAITING = 16  # visitors whose pair waits for another one, at most


def serve(**options: Any) -> None:
    """Serve the page until an interruption; the options are those of `running_demo`."""
    log.info("starting the page; its address follows in some seconds")  # mostly imports
    with suppress(KeyboardInterrupt), running_demo(**options) as address:
        log.info("%s (Ctrl-C ends it)", address)
        threading.Event().wait()


@contextmanager
def running_demo(
    checkpoint: str | None = None,
    device: str = "auto",
    host: str = "127.0.0.1",
    port: int | str = "auto",
) -> Iterator[str]:
    """A server of the page, by its address; the arguments are the options of ``dsmnet demo``.

    Raises:
        UserError: An option is not what it should be, the port is taken, or Gradio is not installed.
    """
    if port != "auto":
        check_whole("port", port, most=65535)
    _check_address(host, 0 if port == "auto" else int(port))
    with TemporaryDirectory(prefix="dsmnet_demo_") as folder:
        # Gradio reads them when it is imported or a page is made.
        os.environ |= {
            "GRADIO_TEMP_DIR": f"{folder}/gradio",  # it serves no file from elsewhere, and copies what is
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_RUN_HISTORY": "False",  # it would keep uploads in the browser
        }
        try:
            import gradio
        except ImportError:
            raise UserError("dsmnet demo: needs Gradio; pip install 'dsmnet[demo]'") from None
        from dsmnet.demo.gradio_page import STYLE, build_page

        logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio asks itself whether it is there
        page = build_page(DemoMatcher(checkpoint, device), Path(folder))
        page.queue(max_size=_WAITING, default_concurrency_limit=1)
        _, address, _ = page.launch(
            server_name=host,
            server_port=None if port == "auto" else port,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            max_file_size=LARGEST_UPLOAD,
            footer_links=[],
            css=STYLE,
            theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        )
        try:
            yield address
        finally:
            page.close(verbose=False)


def _check_address(host: str, port: int) -> None:
    """Refuse what cannot be listened on, which Gradio would try for minutes, on a hundred ports."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((str(address[0]), port), family=family).close()
    except OSError as error:
        raise UserError(
            f"host={host} port={port or 'auto'}: expected an address of this machine, and a port that is "
            f"free ({str(error.strerror).partition(' (')[0]})"
        ) from None
