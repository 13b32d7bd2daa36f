"""Images per second from tar shards: our index, in random order and in sequence, against webdataset's streams.

The shards of JPEGs are read from the page cache, which measures the reader, not the storage. One process, like one
worker of a data loader. "bytes" is the encoded JPEG; "RGB" is decoded by Pillow, in the same way for all.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
from _common import interleaved, paired_ratio, print_setup, print_table
from PIL import Image

from pali3kit.data.sample import Sample
from pali3kit.data.shard_index import ShardIndex

SIDE = 256  # pixels
DISTINCT = 64  # distinct images, repeated in the shards


def make_shards(folder: Path, shards: int, samples: int) -> list[Path]:
    """`shards` tar files of `samples` JPEGs with a caption each."""
    rng = np.random.default_rng(0)
    images = [jpeg(rng) for _ in range(DISTINCT)]
    paths = [folder / f"{number:05d}.tar" for number in range(shards)]
    for path in paths:
        with tarfile.open(path, "w") as tar:
            for number in range(samples):
                add(tar, f"{path.stem}{number:05d}.jpg", images[number % DISTINCT])
                add(tar, f"{path.stem}{number:05d}.txt", b"an image")
    return paths


def jpeg(rng: np.random.Generator) -> bytes:
    """Smooth colours with some noise: about as many bytes as a photograph of the same size."""
    coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    noisy = np.clip(np.asarray(coarse) + rng.normal(0, 12, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=85)
    return file.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def ours(index: Sequence[Sample], order: Iterable[int]) -> Iterator[bytes]:
    return (index[number].read("jpg") for number in order)


def webdataset_jpegs(shards: Sequence[Path], buffer: int) -> Iterator[bytes]:
    """A new stream over all shards, shuffled within a buffer of so many samples."""
    import webdataset

    stream = webdataset.WebDataset([*map(str, shards)], shardshuffle=False)
    return (sample["jpg"] for sample in (stream.shuffle(buffer) if buffer else stream))


def readers(shards: Sequence[Path]) -> dict[str, Callable[[], Iterator[bytes]]]:
    """Functions that read all images once, by name."""
    index = ShardIndex(shards)
    shuffled = np.random.default_rng(0).permutation(len(index)).tolist()
    found: dict[str, Callable[[], Iterator[bytes]]] = {
        "pali3kit, random": partial(ours, index, shuffled),
        "pali3kit, in order": partial(ours, index, range(len(index))),
    }
    if find_spec("webdataset"):
        found["webdataset, buffer of 1000"] = partial(webdataset_jpegs, shards, 1000)
        found["webdataset, in order"] = partial(webdataset_jpegs, shards, 0)
    else:
        print("webdataset is not installed and is left out: pip install webdataset\n")
    return found


def go_through(reader: Callable[[], Iterator[bytes]], decode: bool) -> None:
    for data in reader():
        if decode:
            np.asarray(Image.open(io.BytesIO(data), formats=["JPEG"]).convert("RGB"))


def print_rates(shards: Sequence[Path], images: int, rounds: int) -> None:
    rows, found = [], readers(shards)
    for what in ("bytes", "RGB"):
        seconds = interleaved({name: partial(go_through, found[name], what == "RGB") for name in found}, rounds)
        for name, taken in seconds.items():
            rate, ratio = images / median(taken), paired_ratio(taken, seconds["pali3kit, random"])
            rows.append([what, name, f"{rate:,.0f}", f"{ratio:.2f}"])
    [taken] = interleaved({"index": partial(ShardIndex, shards)}, rounds).values()
    rows.append(["headers", "pali3kit, index", f"{images / median(taken):,.0f}", ""])
    print_table(["what", "reader", "images/s", "time / ours at random"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--samples", type=int, default=1000, help="images in a shard")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print_setup("PIL", *(["webdataset"] if find_spec("webdataset") else []))
    with tempfile.TemporaryDirectory() as folder:
        shards = make_shards(Path(folder), arguments.shards, arguments.samples)
        size = sum(shard.stat().st_size for shard in shards) / 2**20
        print(f"{len(shards)} shards of {arguments.samples} JPEGs of {SIDE} pixels, {size:.0f} MiB\n")
        print_rates(shards, arguments.shards * arguments.samples, arguments.rounds)


if __name__ == "__main__":
    main()
