"""The page of `demo`: what it shows of a model, and who can reach it."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pali3kit.errors import ConfigError, DataError
from pali3kit.inference import demo
from pali3kit.inference.regions import Region

IMAGE = Image.new("RGB", (8, 6), "red")


class Parrot:
    """A model that says what it was asked."""

    def ask(self, image: Image.Image, question: str) -> str:
        if question == "why?":
            raise DataError("no reason")
        return f"asked {question}"

    def caption(self, image: Image.Image) -> str:
        return "a red square"

    def segment(self, image: Image.Image, text: str) -> list[Region]:
        return [Region(text, (1, 2, 3, 4) if text == "the square" else None)]

    def draw(self, image: Image.Image, regions: list[Region]) -> Image.Image:
        return image


PARROT: Any = Parrot()


@pytest.mark.parametrize(
    ("task", "text", "shown"),
    [
        ("ask", "what?", ("asked what?", None)),
        ("caption", "", ("a red square", None)),
        ("segment", "the square", ("box 1 2 3 4 (y0 x0 y1 x1)", IMAGE)),
        ("segment", "nothing", ("no region can be read from: nothing", None)),
        ("ask", " ", ("Write what to ask, or what to find.", None)),
        ("ask", "why?", ("no reason", None)),
    ],
)
def test_the_answer_to_each_task_or_what_is_wrong(task: str, text: str, shown: tuple[str, Image.Image | None]) -> None:
    assert demo.answer_about(PARROT, IMAGE, task, text) == shown


def test_without_an_image_the_page_asks_for_one() -> None:
    assert demo.answer_about(PARROT, None, "caption", "") == ("Choose an image first.", None)


def test_regions_are_shown_once_some_are_drawn() -> None:
    pytest.importorskip("gradio", reason="the extra demo, which pins Pillow, is not part of dev")
    for task, text, is_drawn in (("ask", "what?", False), ("segment", "the square", True), ("caption", "", False)):
        _, shown = demo._updated(PARROT, IMAGE, task, text)
        assert isinstance(shown, dict) and shown["visible"] is is_drawn and (shown["value"] is IMAGE) is is_drawn


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    with pytest.raises(ConfigError, match=r"pip install 'pali3kit\[demo\]'"):
        demo.build_page({"parrot": PARROT}, [], tmp_path)


def test_the_page_answers_on_this_machine_alone(tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="the extra demo, which pins Pillow, is not part of dev")
    page = demo.build_page({"one": PARROT, "other": PARROT}, [IMAGE, IMAGE], tmp_path)
    with socket.socket() as free:
        free.bind((demo.HOST, 0))
        port = free.getsockname()[1]
    address = demo.launch(page, port, str(tmp_path), wait=False)
    try:
        assert address.startswith("http://127.0.0.1:")
        settings = json.loads(urllib.request.urlopen(f"{address}config", timeout=30).read())
        labels = [component["props"].get("label") for component in settings["components"]]
        assert {"one", "other", "Image", "Images to choose from"} <= {*labels} and labels.count("Regions") == 2
        assert settings["analytics_enabled"] is False
        regions = [each["props"] for each in settings["components"] if each["props"].get("label") == "Regions"]
        assert not any(each["visible"] or "share" in each["buttons"] for each in regions)
        [chosen] = [each["props"] for each in settings["components"] if each["props"].get("label") == "Image"]
        assert chosen["value"]["orig_name"] == "0.png"
        assert ":focus-visible" in settings["css"] and "aria-label" in str(settings["dependencies"])
    finally:
        page.close()
