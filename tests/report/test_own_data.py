"""The command `check-data`: its text and its page."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pali3kit.run import main

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RED, WHITE = (220, 40, 40), (255, 255, 255)
LINE = {
    "image": "画像/Größe.png", "captions": {"en": "a <b>red</b> square", "de": "ein Quadrat"},
    "things": [{"label": "square", "bbox": [10, 4, 8, 8], "mask": "画像/maske.png", "expressions": ["the red one"]}],
    "words": [{"text": "ÖFFEN", "bbox": [1, 1, 5, 3]}], "questions": [{"question": "Farbe?", "answers": ["rot"],
                                                                       "language": "de"}],
}  # fmt: skip


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes `own.jsonl` into the working folder, with an image of a red square and its mask."""
    monkeypatch.chdir(tmp_path)
    Path("画像").mkdir()
    pixels = np.full((20, 30, 3), WHITE, np.uint8)
    pixels[4:12, 10:18] = RED
    Image.fromarray(pixels).save("画像/Größe.png")
    Image.fromarray((pixels[..., 1] < 100).astype(np.uint8)).save("画像/maske.png")

    def write(*lines: object) -> None:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        Path("own.jsonl").write_text(text, encoding="utf-8")

    return write


def test_the_text_says_what_there_is_and_how_to_train_on_it(
    own: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    own(*[LINE] * 12, {**LINE, "split": "test"}, {**LINE, "split": "test"})
    assert main(["check-data", "own.jsonl"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("own.jsonl: 14 lines, none of which cannot be used; images below .\n\n")
    for line in (
        "split          (none)     test", "captions, de       12        2", "expressions        12        2",
        "images: 14 PNG", "images in lines to train on and in lines to test on: 1, 画像/Größe.png",
        "measures the benchmarks: coco, mask_tokenizer, refcoco, vqav2, xm3600", "10 of the lines:",
        "  caption, de: ein Quadrat", "  question, de: Farbe? → rot", "  words: ÖFFEN",
        "  thing: square at x 10, y 4, 8 wide, 8 high, mask of 64 pixels, “the red one”",
    ):  # fmt: skip
        assert f"{line}\n" in told, line
    assert told.count("画像") == 1 and told.count("own.jsonl:") == 11
    settings = yaml.safe_load(told.partition("in an experiment:\n")[2])
    assert settings == {
        "data": {"source": {"name": "records", "path": "own.jsonl", "test_split": "test"}, "train": 12, "test": 2},
        "evaluate": ["coco", "mask_tokenizer", "refcoco", "vqav2", "xm3600"],
    }


def test_the_experiment_leaves_out_what_the_file_has_not(
    own: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    own({"image": "Größe.png", "caption": "a"}, {"image": "Größe.png", "caption": "b"})
    assert main(["check-data", "own.jsonl", "--images", "画像"]) == 0
    settings = yaml.safe_load(capsys.readouterr().out.partition("in an experiment:\n")[2])
    assert settings["data"]["source"] == {"name": "records", "path": "own.jsonl", "images": "画像"}
    assert settings["stages"]["multimodal"]["mixture"] == dict.fromkeys(
        ("ocr", "vqa", "vqg", "object_vqa", "detect", "refer"), 0
    )
    assert settings["evaluate"] == [] and "test" not in settings["data"]


def test_doubtful_boxes_are_counted_and_the_first_are_shown(
    own: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    own(*[{"image": "画像/Größe.png", "things": [{"label": "a", "bbox": [0.2, 0.2, 0.5, 0.5]}]}] * 4)
    assert main(["check-data", "own.jsonl", "--out", "page.html"]) == 0
    told = capsys.readouterr().out
    first = "within 0..1, where pixels are meant: 4; the first 3\n  own.jsonl:1: things[0]: 'bbox' [0.2, 0.2, 0.5, 0.5]"
    assert first in told and "own.jsonl:3: things[0]" in told and "own.jsonl:4: things[0]" not in told
    assert "boxes that look normalised" in Path("page.html").read_text(encoding="utf-8")


def test_an_experiment_cannot_have_more_images_than_its_file(
    own: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    own(*[LINE] * 3, {**LINE, "split": "test"}, {**LINE, "split": "test"})
    Path("scales").symlink_to(EXPERIMENTS / "scales")
    source = {"name": "records", "path": "own.jsonl", "test_split": "test"}
    data = {"source": source, "train": 4, "test": 3}
    Path("own.yaml").write_text(yaml.safe_dump({"name": "own", "scale": "smoke", "pretrain": "siglip", "data": data,
                                                "evaluate": ["coco"]}))  # fmt: skip
    assert main(["check", "own.yaml"]) == 2
    told = capsys.readouterr().err
    for split, asked, there in (("train", 4, 3), ("test", 3, 2)):
        assert (
            f"data.{split} asks for {asked} images, and data.source, own.jsonl, has {there} of the {split} split:"
            f" set data.{split}={there}.\n" in told
        )
    assert main(["check", "own.yaml", "data.train=3", "data.test=2"]) == 0


def test_lines_that_cannot_be_used_are_told_and_fail_the_command(
    own: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    own(LINE, *[{"image": "画像/Größe.png", "captoin": "a"}] * 25, {**LINE, "image": "\u202ebad\u001b[31m.png"})
    assert main(["check-data", "own.jsonl", "--out", "page.html"]) == 1
    told = capsys.readouterr().out
    assert "26 lines cannot be used, the first 20; the page has all:\n  own.jsonl:2: unknown field 'captoin'. " in told
    assert told.count("Did you mean 'caption'?") == 20
    assert Path("page.html").read_text(encoding="utf-8").count("Did you mean &#39;caption&#39;?") == 25
    own({"image": "\u202ebad\u001b[31m.png", "caption": "a"})
    assert main(["check-data", "own.jsonl"]) == 1
    told = capsys.readouterr().out
    assert "\\u202ebad\\u001b[31m.png" in told and "\x1b" not in told and "\u202e" not in told
    assert "1 line cannot be used:" in told and "in an experiment" not in told


def test_the_page_shows_images_with_boxes_and_masks_and_refers_to_nothing_outside(own: Callable[..., None]) -> None:
    own(LINE)
    assert main(["check-data", "own.jsonl", "--decode", "--out", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert 'viewBox="0 0 30 20"' in page and 'x="10" y="4" width="8" height="8"' in page
    assert page.count("h8v1h-8z") == 8, "the rows of the mask"
    assert 'x="1" y="1" width="5" height="3"' in page and "word “ÖFFEN”" in page
    assert "a &lt;b&gt;red&lt;/b&gt; square" in page and "http" not in page.replace("http-equiv", "")
    [data] = re.findall(r'href="data:image/png;base64,([^"]+)"', page)
    assert Image.open(io.BytesIO(base64.b64decode(data))).getpixel((12, 6)) == RED


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["own.jsonl", "--image", "x"], "unknown flag '--image'. Did you mean '--images'?"),
        (["own.jsonl", "oot=x"], "unknown flag '--oot'. Did you mean 'out'?"),
        (["own.jsonl", "--out", "absent/x.html"], "--out should be a new file in a folder that exists, not"),
        (["own.jsonl", "--out", "own.jsonl"], "--out should be a new file in a folder that exists, not"),
        (["owm.jsonl"], "there is no file owm.jsonl. Did you mean 'own.jsonl'?"),
        (["own.jsonl", "--images", "x"], "there is no folder x."),
        (["empty.jsonl"], "empty.jsonl: no image"),
    ],
)
def test_what_is_wrong_with_the_command_line(
    words: list[str], told: str, own: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    own(LINE)
    Path("empty.jsonl").touch()
    assert main(["check-data", *words]) == 2
    assert capsys.readouterr().err.startswith(told)


PAGE = (Path(__file__).parents[2] / "docs/own-data.md").read_text(encoding="utf-8")


def documented(write: Callable[..., None], *more: object) -> None:
    """The file of the page, with the images that it names, and further lines."""
    for folder in ("images", "masks"):
        Path(folder).mkdir()
    for name in ("cat.png", "schöne-tür.png", "dog.png", "house.png"):
        Image.new("RGB", (40, 20), "white").save(Path("images", name))
    inside = np.zeros((20, 40), np.uint8)
    inside[5:13, 8:18] = 1
    Image.fromarray(inside).save("masks/cat.png")
    Image.fromarray(inside[:4, :4]).save("masks/small.png")
    Path("images/text.png").write_text("text!")
    [block] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    write(*(more or block.splitlines()))


def test_the_page_shows_what_the_command_prints(own: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    documented(own)
    assert main(["check-data", "own.jsonl"]) == 0
    shown, *_ = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert shown == capsys.readouterr().out.rstrip("\n") + "\n"


WRONG: dict[str, object] = {
    "no JSON": '{"image": "images/cat.png", "caption": "a',
    "a misspelt field": {"captoin": "a cat"},
    "one within a thing": {"things": [{"label": "cat", "box": [8, 5, 10, 8]}]},
    "a field is missing": {"questions": [{"question": "what?"}]},
    "a wrong type": {"captions": {"en": 7}},
    "a box outside its image": {"things": [{"label": "cat", "bbox": [50, 5, 10, 8]}]},
    "a mask of another size": {"things": [{"label": "cat", "bbox": [8, 5, 10, 8], "mask": "masks/small.png"}]},
    "a damaged mask": {"things": [{"label": "cat", "bbox": [8, 5, 10, 8], "mask": [[1, 2, 3, 4, 5]]}]},
    "no image": {"image": "images/lion.png", "caption": "a lion"},
    "not an image": {"image": "images/text.png", "caption": "a text"},
}


def test_the_page_quotes_the_messages(own: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    table = dict(re.findall(r"^\| (\w[^|]+) \| `(own[^`]+)` \|$", PAGE, re.MULTILINE))
    assert table.keys() == WRONG.keys()
    lines = [{"image": "images/cat.png", **line} if isinstance(line, dict) else line for line in WRONG.values()]
    documented(own, {"image": "images/cat.png", "caption": "a"}, *lines)
    assert main(["check-data", "own.jsonl"]) == 1
    told = capsys.readouterr().out
    for number, message in enumerate(table.values(), start=2):
        assert f"  {message.replace('own.jsonl:2:', f'own.jsonl:{number}:')}\n" in told, message


def test_torch_is_not_imported(own: Callable[..., None]) -> None:
    own(LINE)
    code = "import sys; from pali3kit.run import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "check-data", "own.jsonl"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False\n")
