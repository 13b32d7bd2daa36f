"""Tar shards of images with captions, in memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from PIL import Image


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """A tar with these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def grey(shade: int, side: int = 8) -> bytes:
    """A PNG of one grey."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (shade,) * 3).save(file, "png")
    return file.getvalue()


def pair_shards(shards: int, samples: int) -> dict[str, bytes]:
    """Shards `0.tar`, ... of images that are as grey as their number among all, captioned with it."""
    found = {}
    for shard in range(shards):
        numbers = range(shard * samples, (shard + 1) * samples)
        pairs = ({f"{n:04}.png": grey(n % 256), f"{n:04}.txt": f"number {n}".encode()} for n in numbers)
        found[f"{shard}.tar"] = tar_of({name: data for pair in pairs for name, data in pair.items()})
    return found
