"""The command `demo`: a page on which one or two models answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pali3kit.commands.command import Call, Command, UsageError
from pali3kit.commands.models import open_model
from pali3kit.config.saved import EXPERIMENT, read_experiment
from pali3kit.config.saved_pali import RECIPE_FILE
from pali3kit.errors import Pali3Error
from pali3kit.registry import SOURCE

if TYPE_CHECKING:
    from PIL import Image

_IMAGES = 8  # to choose from
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_PORT = "7860"


def _demo(call: Call) -> int:
    port = call.options.get("port", _PORT)
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise UsageError(f"--port should be a number from 1 to 65535, not '{port}'.")
    from pali3kit.inference.demo import serve_demo

    place = call.arguments[0]
    models = {_name(place, call.settings): open_model(place, call)}
    if "vs" in call.options:
        other, settings = _other(place, call.settings, call.options["vs"])
        seed = {"seed": call.options["seed"]} if "seed" in call.options else {}
        models[_name(other, settings)] = open_model(other, Call([other], settings, seed))
    if len(models) < 1 + ("vs" in call.options):
        raise UsageError("--vs names the same model: give another one, or another cell as in --vs pretrain=siglip.")
    serve_demo(models, list(_images(place, call.options.get("images"))), int(port))
    return 0


def _other(place: str, settings: list[str], vs: str) -> tuple[str, list[str]]:
    """The other model and the settings that choose its cell: `--vs OTHER`, or in the same run `--vs key=value`."""
    if not re.match(r"[A-Za-z_][\w.]*=", vs):
        return vs, []
    key = vs.partition("=")[0]
    return place, [*(setting for setting in settings if setting.partition("=")[0] != key), vs]


def _name(place: str, settings: list[str]) -> str:
    return " ".join([place, *settings])


def _images(place: str, folder: str | None) -> Iterator[Image.Image]:
    """Images to choose from: of a folder, else the first test images of the data that the model was trained on."""
    from pali3kit.images.decode import decode_image

    if folder is not None:
        found = [file for file in sorted(Path(folder).expanduser().glob("*")) if file.suffix.lower() in _SUFFIXES]
        if not found:
            raise UsageError(f"--images: there is no image in '{folder}' ({', '.join(_SUFFIXES)}).")
        yield from (decode_image(file.read_bytes(), str(file)) for file in found[:_IMAGES])
        return
    known = [name for name in (EXPERIMENT, RECIPE_FILE) if (Path(place) / name).is_file()]
    for name in known[:1]:
        yield from _test_images(Path(place), name)


def _test_images(folder: Path, name: str) -> Iterator[Image.Image]:
    """None where the data is not on this machine."""
    from PIL import Image

    experiment = read_experiment(folder, name)
    data = experiment.data.source
    try:
        source = SOURCE.build(data.name, **{**data.options, "image_size": experiment.model.image_size})
        images = [source.image("test", index) for index in range(min(_IMAGES, experiment.data.test))]
    except (Pali3Error, OSError):
        return
    yield from map(Image.fromarray, images)


DEMO_COMMANDS = {
    "demo": Command(
        _demo, "demo MODEL [--vs OTHER | key=value] [--images FOLDER] [--port N] [seed=N key=value ...]",
        settings="cell", options=("vs", "images", "port", "seed"),
    ),
}  # fmt: skip
