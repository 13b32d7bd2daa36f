"""Check that damaged and hostile files of weights are loaded or refused by WeightsError, and never executed.

    python speed/damage_weights.py [NUMBER]

writes small models in every supported format, damages NUMBER (2,000) of them, each in a way determined by its number,
and loads them. Bytes are changed, cut and moved; inside archives, with corrected checksums; headers and indices are
changed as JSON; pickles call a function that writes a file. The exit code is 1 if anything else results than weights, a
WeightsError or, for a config.json, a ConfigError; these cases are listed.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import shutil
import struct
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pali3kit.errors import ConfigError, WeightsError
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.vision.vit import ViT
from pali3kit.weights.export import export_language, export_mask_tokenizer, export_vision
from pali3kit.weights.files import load_weights, save_weights
from pali3kit.weights.language import _create as create_ul2
from pali3kit.weights.links import to_theirs
from pali3kit.weights.load import load_two_towers, load_vision
from pali3kit.weights.masks import load_masks
from pali3kit.weights.recognise import LAYOUTS

CANARY = Path(tempfile.gettempdir()) / f"damage_weights.{os.getpid()}"
SHAPE = {"image_size": 16, "width": 16, "depth": 1, "heads": 2, "mlp": 16, "patch": 8}
ODD: list[object] = [None, -1, 0, 1, 2**31, 2**63, 1e400, float("nan"), "", "x", "../x", [], [0], [2**40], {}, True]
Chance = random.Random


@dataclass(frozen=True)
class Case:
    """A folder with weights, the file to damage, the kinds of damage, and the loader."""

    name: str
    folder: Path
    file: str
    damage: Callable[[bytes, Chance], bytes]
    load: Callable[[Path], object]


class Harmful:
    """An object whose unpickling writes a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, (f"touch {CANARY}",))


def in_bytes(whole: bytes, chance: Chance) -> bytes:
    """Change some bytes, remove, double, move or zero a piece, or truncate."""
    damaged = bytearray(whole)
    start = chance.randrange(len(damaged))
    if chance.random() < 0.5:
        start = chance.randrange(min(len(damaged), 400))  # headers matter more than numbers
    stop = min(len(damaged), start + chance.randrange(1, 40))
    way = chance.randrange(6)
    if way == 0:
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(start, len(damaged))] = chance.randrange(256)
    elif way == 1:
        del damaged[start:]
    elif way == 2:
        del damaged[start:stop]
    elif way == 3:
        damaged[start:start] = damaged[start:stop]
    elif way == 4:
        damaged[start:stop] = bytes(stop - start)
    else:
        damaged[start] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def in_archive(whole: bytes, chance: Chance) -> bytes:
    """Damage, remove or double a member, or replace it by a hostile pickle; checksums are corrected."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(out, "w") as damaged, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of doubled names
        members = archive.infolist()
        pickles = [member for member in members if member.filename.endswith("data.pkl")]
        chosen = chance.choice([*members, *pickles * len(members)])
        for member in members:
            data, way = archive.read(member), chance.randrange(8)
            if member is chosen:
                if way == 0:
                    continue
                if way == 1:
                    damaged.writestr(member.filename, data)
                data = pickle.dumps({"a": Harmful()}, protocol=2) if way == 2 else in_bytes(data or b"\0", chance)
            damaged.writestr(member.filename, data)
    return out.getvalue()


def in_json(whole: bytes, chance: Chance) -> bytes:
    """Replace a value or a key."""
    said = json.loads(whole)
    at = said
    while isinstance(at, dict) and at:
        key = chance.choice(sorted(at))
        if not isinstance(at[key], dict) or chance.random() < 0.2:
            if chance.random() < 0.2:
                at[f"{key}x"] = at.pop(key)
            else:
                at[key] = chance.choice(ODD)
            break
        at = at[key]
    return json.dumps(said).encode()


def in_header(whole: bytes, chance: Chance) -> bytes:
    """Damage the JSON header of a safetensors file, with a correct length."""
    (length,) = struct.unpack("<Q", whole[:8])
    header = in_json(whole[8 : 8 + length], chance)
    if chance.random() < 0.3:
        header = header.replace(b"F32", chance.choice([b"I32", b"F16", b"BF16", b"F64", b"BOOL", b"F8_E4M3", b"C64"]))
    return struct.pack("<Q", len(header)) + header + whole[8 + length :]


def hostile(_: bytes, chance: Chance) -> bytes:
    """Replace the file by a hostile pickle."""
    content = chance.choice([Harmful(), {"state_dict": Harmful()}, [Harmful()], {"a": torch.ones(1), "b": Harmful()}])
    out = io.BytesIO()
    if chance.random() < 0.5:
        torch.save(content, out, _use_new_zipfile_serialization=chance.random() < 0.5)
    else:
        pickle.dump(content, out, protocol=chance.randrange(2, 5))
    return out.getvalue()


def cases(root: Path) -> list[Case]:
    """Write one folder of every format."""
    torch.manual_seed(0)
    vit = ViT(**SHAPE)
    text = partial(TextTower, vocabulary=20, length=4, out=16, width=16, depth=1, heads=2, mlp=16)
    towers = TwoTowers(vit, text())
    language = create_ul2(32, width=8, encoder_depth=1, decoder_depth=1, heads=1, head_width=8, mlp=8)
    for to in ("timm", "hf"):
        export_vision(vit, root / to, to)
    export_language(language, root / "t5")
    tensors = load_file(root / "timm" / "model.safetensors")
    torch.save({"state_dict": tensors, "epoch": 1}, new(root / "zip" / "x.pth"))
    torch.save(tensors, new(root / "legacy" / "x.pt"), _use_new_zipfile_serialization=False)
    flax = {k: x.numpy(force=True) for k, x in to_theirs(LAYOUTS["big_vision"].dual_encoder(vit, text(), "img/"),
                                                        towers.state_dict()).items()}  # fmt: skip
    for folder, save in (("npz", np.savez), ("npz packed", np.savez_compressed)):
        save(new(root / folder / "x.npz"), **flax)  # type: ignore[arg-type]
    export_mask_tokenizer(MaskVQVAE(codes=4, code_width=4, width=2), new(root / "masks" / "x.npz"))
    save_weights(vit, new(root / "own" / "weights.safetensors"))
    t5 = load_file(root / "t5" / "model.safetensors")
    for folder, ending, name in (("shards", "safetensors", "model"), ("torch shards", "bin", "pytorch_model")):
        files = {key: f"{name}-{number % 2}.{ending}" for number, key in enumerate(sorted(t5))}
        index = new(root / folder / f"{name}.{ending}.index.json")
        index.write_text(json.dumps({"metadata": {}, "weight_map": files}))
        shutil.copy(root / "t5" / "config.json", root / folder)
        for file in set(files.values()):
            part = {key: t5[key].clone() for key in t5 if files[key] == file}
            torch.save(part, root / folder / file) if ending == "bin" else save_file(part, root / folder / file)

    def vision(path: Path) -> object:
        return load_vision(ViT(**SHAPE), path)

    def both(path: Path) -> object:
        return load_two_towers(TwoTowers(ViT(**SHAPE), text()), path)

    def words(path: Path) -> object:
        return create_ul2(40, weights=str(path.parent))

    def masks(path: Path) -> object:
        return load_masks(MaskVQVAE(codes=4, code_width=4, width=2), path)

    def own(path: Path) -> object:
        return load_weights(ViT(**SHAPE), path, lambda found: ViT(**SHAPE).resample_positions(found, (2, 2)))

    found = [
        ("timm", "model.safetensors", [in_bytes, in_header], vision), ("hf", "model.safetensors", [in_header], vision),
        ("own", "weights.safetensors", [in_bytes, in_header], own), ("zip", "x.pth", [in_bytes, in_archive], vision),
        ("legacy", "x.pt", [in_bytes, hostile], vision), ("npz", "x.npz", [in_bytes, in_archive], both),
        ("npz packed", "x.npz", [in_bytes, in_archive, hostile], both), ("masks", "x.npz", [in_archive], masks),
        ("t5", "model.safetensors", [in_header], words), ("t5", "config.json", [in_bytes, in_json], words),
        ("shards", "model.safetensors.index.json", [in_bytes, in_json], words),
        ("shards", "model-1.safetensors", [in_header], words),
        ("torch shards", "pytorch_model.bin.index.json", [in_json], words),
        ("torch shards", "pytorch_model-0.bin", [in_archive, hostile], words),
    ]  # fmt: skip
    return [Case(f"{a}/{b} {way.__name__}", root / a, b, way, load) for a, b, ways, load in found for way in ways]


def new(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return path


def outcome(case: Case, seed: int) -> str:
    """`loaded`, `WeightsError`, `ConfigError`, or an unexpected outcome."""
    chance, path = Chance(seed), case.folder / case.file
    whole = path.read_bytes()
    path.write_bytes(case.damage(whole, chance))
    try:
        case.load(path)
        told = "loaded"
    except WeightsError:
        told = "WeightsError"
    except ConfigError as error:
        told = "ConfigError" if case.file == "config.json" else f"ConfigError: {error}"
    except BaseException as error:  # a panic of Rust is not an Exception
        told = f"{type(error).__name__}: {error}"
    finally:
        path.write_bytes(whole)
    return "code was run" if CANARY.exists() else told


def count(number: int, first: int = 0) -> tuple[Counter[str], list[str]]:
    """The counts of outcomes, and all unexpected ones."""
    counts: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        every = cases(Path(folder))
        for seed in range(first, first + number):
            case = every[seed % len(every)]
            told = outcome(case, seed)
            kind = told if told in ("loaded", "WeightsError", "ConfigError") else "neither"
            counts[kind] += 1
            if kind == "neither":
                faults.append(f"{seed} {case.name}: {told[:200]}")
    return counts, faults


def main(number: int) -> int:
    counts, faults = count(number)
    print(", ".join(f"{what} {times:,}" for what, times in sorted(counts.items())))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    print(*faults, sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
