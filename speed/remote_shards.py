"""Images per second, requests and bytes from tar shards behind a URL: our ranges against fsspec reading whole shards.

A server on this machine waits before each answer, as a store far away does. Ours reads samples at random, one request
each, by one thread and by several (as the loaders of `runtime.num_workers` do); the peer reads each shard as a stream,
in order, by fsspec and tarfile. Seconds are those of the clock, since most of them are waiting. Indexing is measured on
its own: it happens once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import fsspec
import numpy as np
from _common import print_setup, print_table
from shards import make_shards

from pali3kit.data.shard_index import ShardIndex
from pali3kit.data.shard_names import expand_shards
from pali3kit.storage.remote import AnyPath


class _Server(BaseHTTPRequestHandler):
    """Files of `folder`, whole or by ranges. A request for `/counts` tells requests and bytes so far."""

    protocol_version = "HTTP/1.1"
    folder, delay, requests, sent = Path(), 0.0, 0, 0

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def _answer(self, head: bool) -> None:
        if self.path == "/counts":
            data, status = f"{_Server.requests} {_Server.sent}".encode(), 200
        else:
            time.sleep(self.delay)
            if not (self.folder / self.path[1:]).is_file():  # there is no index beside the shards
                self.send_error(404)
                return
            data, status = (self.folder / self.path[1:]).read_bytes(), 200
            if asked := self.headers.get("Range"):
                start, end = asked.removeprefix("bytes=").split("-")
                data, status = data[int(start) : int(end) + 1], 206
            _Server.requests += 1
            _Server.sent += 0 if head else len(data)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not head:
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


def _serve(folder: Path, delay: float, sender: Connection) -> None:
    _Server.folder, _Server.delay = folder, delay
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    sender.send(server.server_port)
    server.serve_forever()


@contextmanager
def serving(folder: Path, delay: float) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    context = get_context("spawn")
    receiver, sender = context.Pipe()
    process = context.Process(target=_serve, args=(folder, delay, sender), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{receiver.recv()}"
    process.kill()
    process.join()


def ranges(shards: Sequence[AnyPath], threads: int) -> int:
    """Read all images at random; returns their number."""
    index = ShardIndex(shards)
    order = np.random.default_rng(0).permutation(len(index)).tolist()
    with ThreadPoolExecutor(threads) as pool:
        return sum(1 for _ in pool.map(lambda number: index[number].read("jpg"), order))


def streams(shards: Sequence[AnyPath], threads: int) -> int:
    """Read whole shards; returns the number of images."""

    def one(shard: AnyPath) -> int:
        with fsspec.open(str(shard), "rb", block_size=0) as file, tarfile.open(fileobj=file, mode="r|") as tar:
            read = (tar.extractfile(member) for member in tar if member.name.endswith(".jpg"))
            return sum(1 for each in read if each is not None and each.read())

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(one, shards))


def measure(url: str, read: Callable[[], int], rounds: int) -> list[str]:
    """Images per second, requests and kilobytes an image."""
    web, seconds, count = fsspec.filesystem("http"), [], 0
    before = [int(each) for each in web.cat_file(f"{url}/counts").split()]
    for _ in range(rounds):
        started = time.perf_counter()
        count = read()
        seconds.append(time.perf_counter() - started)
    after = [int(each) for each in web.cat_file(f"{url}/counts").split()]
    requests, sent = ((b - a) / rounds / count for a, b in zip(before, after, strict=True))
    return [f"{count / median(seconds):,.0f}", f"{requests:.2f}", f"{sent / 1e3:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--samples", type=int, default=200, help="images in a shard")
    parser.add_argument("--delays", type=float, nargs="+", default=[0.0, 0.02], help="seconds before an answer")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print_setup("fsspec", "aiohttp")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_shards(Path(folder), arguments.shards, arguments.samples)
        os.environ["PALI3KIT_CACHE"] = f"{folder}/cache"
        for delay in arguments.delays:
            with serving(Path(folder), delay) as url:
                shards = expand_shards(f"{url}/{{00000..{arguments.shards - 1:05}}}.tar")
                rows.append([f"{1000 * delay:g} ms", "pali3kit, index", *measure(url, partial(_index, shards), 1)])
                for threads in (1, arguments.threads):
                    for name, read in (("pali3kit, ranges at random", ranges), ("fsspec, whole shards", streams)):
                        found = measure(url, partial(read, shards, threads), arguments.rounds)
                        rows.append([f"{1000 * delay:g} ms", f"{name}, {threads}", *found])
    print_table(["delay", "reader, threads", "images/s", "requests/image", "kB/image"], rows)


def _index(shards: Sequence[AnyPath]) -> int:
    return len(ShardIndex(shards))


if __name__ == "__main__":
    sys.exit(main())
