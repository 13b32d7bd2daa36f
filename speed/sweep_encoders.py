"""Check that every image model of timm and open_clip fulfils the contract of an encoder, or is refused by name.

    python speed/sweep_encoders.py FILE [timm|open_clip] [NAME ...]

builds each on the meta device, without computing or downloading, for images of its own size, or, if its patches do not
divide that, of the next multiple of 448 pixels. It appends a line of JSON for each to FILE, which another run
continues. Building checks tokens and `pooled`; models given by NAME are checked again in training and evaluation mode.
The exit code is 1 if a model is neither accepted nor refused by name.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import open_clip
import timm
import torch

from pali3kit.errors import ConfigError
from pali3kit.vision.adapters.open_clip import OpenClipEncoder
from pali3kit.vision.adapters.timm import TimmEncoder
from pali3kit.vision.contract import Adapter

ENCODERS: dict[str, type[TimmEncoder] | type[OpenClipEncoder]] = {"timm": TimmEncoder, "open_clip": OpenClipEncoder}
STEP = 448  # pixels: divisible by strides up to 64 and by patches of 14


def names(library: str) -> list[str]:
    """All models of the library."""
    found: list[str] = timm.list_models() if library == "timm" else open_clip.list_models()
    return found


def own_size(library: str, name: str) -> int:
    """The side of the model's own images."""
    if library == "timm":
        return int(timm.get_pretrained_cfg(name).input_size[-1])
    return int(open_clip.get_model_config(name)["vision_cfg"].get("image_size", 224))


def judged(library: str, name: str, thoroughly: bool, side: int) -> dict[str, str | int]:
    """The outcome for one model: `kept` with its size and seconds, `refused` with the reason, or a `fault`."""
    start = time.perf_counter()
    found = _judged(library, name, side, thoroughly)
    if "refused" in found and side % STEP:
        again = _judged(library, name, -(-side // STEP) * STEP, thoroughly)
        found = again if "kept" in again else found
    return {"library": library, "name": name, "ms": round(1000 * (time.perf_counter() - start)), **found}


def _judged(library: str, name: str, side: int, thoroughly: bool) -> dict[str, str | int]:
    try:
        with torch.device("meta"):
            encoder = ENCODERS[library](name, side)
            broken = breaks(encoder, side) if thoroughly else ""
    except ConfigError as error:
        return {"refused" if name in str(error) else "fault": str(error), "size": side}
    except Exception as error:  # these faults are what this script searches
        return {"fault": f"{type(error).__name__}: {error}"[:300], "size": side}
    return {"fault": broken, "size": side} if broken else {"kept": encoder.width, "size": side}


def breaks(encoder: Adapter, side: int) -> str:
    """Which part of the contract is violated, "" if none is."""
    rows, columns = encoder.grid(side)
    for training in (False, True):
        encoder.train(training).set_gradient_checkpointing(training)
        images = torch.empty(2, 3, side, side)
        for found, wanted in (
            (encoder(images), [2, rows * columns, encoder.width]), (encoder.pooled(images), [2, encoder.width])
        ):  # fmt: skip
            if list(found.shape) != wanted:
                return f"{list(found.shape)}, not {wanted}, training {training}"
    return ""


def reason(told: str) -> str:
    """A refusal without the model's own details, for counting."""
    for start, short in (
        ("does not give tokens", "tokens are not on the grid"), ("does not give one", "pooled is of another width"),
        ("several feature maps", "features on several scales"), ("does not divide", "patch does not divide"),
        ("no tokens on a grid", "tokens are not on the grid"), ("crop_mode", "crop_mode is not known"),
    ):  # fmt: skip
        if start in told:
            return short
    return told.partition(": ")[2] or told


def main(file: Path, libraries: list[str], chosen: list[str]) -> int:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    lines = file.read_text().splitlines() if file.exists() else []
    found = [json.loads(line) for line in lines]
    done = {(each["library"], each["name"]) for each in found}
    with file.open("a") as out:
        for library in libraries:
            for name in chosen or names(library):
                if (library, name) not in done:
                    found.append(judged(library, name, bool(chosen), own_size(library, name)))
                    print(json.dumps(found[-1]), file=out, flush=True)
    for library in libraries:
        own = [each for each in found if each["library"] == library]
        kept, faults = (sum(what in each for each in own) for what in ("kept", "fault"))
        print(f"{library}: {len(own)} models, {kept} kept, {len(own) - kept - faults} refused, {faults} faults")
        for why, times in Counter(reason(each["refused"]) for each in own if "refused" in each).most_common():
            print(f"  {times:4} {why}")
        print(*(f"  FAULT {each['name']}: {each['fault']}" for each in own if "fault" in each), sep="\n")
    return int(any("fault" in each for each in found))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:3] or list(ENCODERS), sys.argv[3:]))
