"""The shards that a pattern names, on this machine or behind a URL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from pali3kit.config.paths import SHARD_NUMBERS, TAR, protocol
from pali3kit.errors import DataError
from pali3kit.storage.patterns import remote_files
from pali3kit.storage.remote import CONNECTIONS, AnyPath, RemotePath

MOST_SHARDS = 1_000_000


def expand_shards(path: str) -> Sequence[AnyPath]:
    """The shards that `shards/{000..127}.tar`, `shards/*.tar` or `s3://lab/0.tar` names, in order.

    Raises DataError where one is missing, StorageError where a server does not answer.
    """
    path = os.path.expanduser(path)
    match = SHARD_NUMBERS.search(path)
    if match is None:
        return remote_files(path, TAR) if protocol(path) else _found(path)
    first, last = match.groups()
    if int(last) - int(first) >= MOST_SHARDS:
        raise DataError(f"{path} names more than {MOST_SHARDS} shards")
    numbers = [f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]
    names = [path[: match.start()] + number + path[match.end() :] for number in numbers]
    if not names:
        raise DataError(f"{path} names no shard: its range runs backwards")
    lost: Sequence[AnyPath]
    shards: Sequence[AnyPath]
    if protocol(path):
        remote = [RemotePath(name) for name in names]
        shards, lost = remote, _absent(remote)
    else:
        local = [Path(name) for name in names]
        shards, lost = local, [shard for shard in local if not shard.exists()]
    if lost:
        raise DataError(f"{len(lost)} of {len(shards)} shards of {path} are not there: {', '.join(map(str, lost[:3]))}")
    return shards


def _found(path: str) -> list[Path]:
    shards = [Path(path)] if os.path.isfile(path) else [Path(found) for found in sorted(glob(path))]
    if not shards:
        raise DataError(f"there is no shard {path}")
    return shards


def _absent(files: Sequence[RemotePath]) -> list[RemotePath]:
    """Those that do not exist. Their sizes are asked for at the same time, and kept."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [file for file, there in zip(files, pool.map(RemotePath.exists, files), strict=True) if not there]
