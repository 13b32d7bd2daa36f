"""A page on which one or two models answer about the same image, side by side, in a browser on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from PIL import Image

from pali3kit.errors import ConfigError, Pali3Error

if TYPE_CHECKING:
    from gradio import Blocks

    from pali3kit.inference.pali import PaLI

HOST = "127.0.0.1"  # the page is for whoever works on this machine
_COLUMN = 240  # pixels at least: two models' answers are side by side in a window of 1,200
TASKS = ("ask", "caption", "segment")
_NO_IMAGE = "Choose an image first."
_STYLE = """
.image-frame img { width: 100%; height: 100%; object-fit: contain }
:is(button, textarea):focus-visible { outline: 3px solid #1d4ed8 !important; outline-offset: 2px }
label:has(input:focus-visible) { outline: 3px solid #1d4ed8; outline-offset: 2px }
"""  # small images fill their frame; gradio's own marks of what has the keyboard's focus are one pixel, or white
_NAME_IMAGES = """() => document.querySelectorAll("button.gallery-item").forEach(
  (button, index) => button.setAttribute("aria-label", `Image ${index + 1}`))"""  # they have no name for screen readers
_Shown = tuple[str, "Image.Image | None"]


def serve_demo(models: Mapping[str, PaLI], images: Sequence[Image.Image], port: int) -> None:
    """Serve the page on this machine alone until Ctrl-C.

    Args:
        models: by the names that the page shows.
        images: to choose from; others can be uploaded.
        port: of the address that is printed.

    Raises ConfigError without the extra `demo`.
    """
    with tempfile.TemporaryDirectory() as folder:
        page = build_page(models, images, Path(folder))
        launch(page, port, folder)


def launch(page: Blocks, port: int, folder: str, *, wait: bool = True) -> str:
    """Start the server and return its address; with `wait` once it has ended. Nothing is sent or fetched elsewhere."""
    gradio = _import_gradio()
    fonts = {"font": ["sans-serif"], "font_mono": ["monospace"]}  # those of the browser: others come from a server
    _, address, _ = page.launch(
        server_name=HOST, server_port=port, share=False, quiet=True, ssr_mode=False, enable_monitoring=False,
        footer_links=[], allowed_paths=[folder], prevent_thread_lock=True, theme=gradio.themes.Default(**fonts),
        css=_STYLE,
    )  # fmt: skip
    if wait:
        print(f"{address} (Ctrl-C ends it)", flush=True)
        page.block_thread()
    return str(address)


def build_page(models: Mapping[str, PaLI], images: Sequence[Image.Image], folder: Path) -> Blocks:
    """The page; `images` are written to `folder`, from which it shows them, the first as the chosen one.

    An image of regions is there only once some were drawn: two answers fit a small screen then.
    """
    gradio = _import_gradio()
    files = [folder / f"{index}.png" for index in range(len(images))]
    for image, file in zip(images, files, strict=True):
        image.save(file)
    with gradio.Blocks(analytics_enabled=False, title="pali3kit") as page, gradio.Row():
        with gradio.Column(min_width=_COLUMN):
            first = str(files[0]) if files else None
            image = gradio.Image(first, type="pil", label="Image", sources=["upload", "clipboard"], height=320)
            if files:
                gradio.Examples([[str(file)] for file in files], image, label="Images to choose from")
            task = gradio.Radio(TASKS, value="ask", label="Task")
            text = gradio.Textbox(label="A question, or what to find", placeholder="how many roses?")
            button = gradio.Button("Answer", variant="primary")
        for name, model in models.items():
            with gradio.Column(min_width=_COLUMN):
                answer = gradio.Textbox(label=name, interactive=False)
                drawn = gradio.Image(
                    label="Regions", interactive=False, height=320, visible=False, buttons=["fullscreen", "download"]
                )  # without the button that shares an image on a server
            for event in (button.click, text.submit):
                event(partial(_updated, model), [image, task, text], [answer, drawn])
        page.load(js=_NAME_IMAGES)
    return page


def _updated(model: PaLI, image: Image.Image | None, task: str, text: str) -> tuple[str, object]:
    """What the components of a model show next."""
    answer, drawn = answer_about(model, image, task, text)
    return answer, _import_gradio().update(value=drawn, visible=drawn is not None)


def answer_about(model: PaLI, image: Image.Image | None, task: str, text: str) -> _Shown:
    """What the page shows of a model: its answer, and its regions drawn. Problems are told in place of the answer."""
    if image is None:
        return _NO_IMAGE, None
    answers: Mapping[str, Callable[[], _Shown]] = {
        "ask": lambda: (model.ask(image, text), None),
        "caption": lambda: (model.caption(image), None),
        "segment": lambda: _segmented(model, image, text),
    }
    if task != "caption" and not text.strip():
        return "Write what to ask, or what to find.", None
    try:
        return answers[task]()
    except Pali3Error as error:
        return str(error), None


def _segmented(model: PaLI, image: Image.Image, text: str) -> _Shown:
    regions = model.segment(image, text)
    boxes = [" ".join(map(str, region.box)) for region in regions if region.box]
    if not boxes:
        return f"no region can be read from: {'; '.join(region.text for region in regions)}", None
    return f"box {'; '.join(boxes)} (y0 x0 y1 x1)", model.draw(image, regions)


def _import_gradio() -> ModuleType:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import, which reads it
    try:
        return import_module("gradio")
    except ModuleNotFoundError as error:
        raise ConfigError([f"demo needs {error.name}: pip install 'pali3kit[demo]'."]) from error
