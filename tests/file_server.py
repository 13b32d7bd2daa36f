"""A server of files on this machine, whose answers are counted and can be broken."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, unquote

HOST = "127.0.0.1"


class FileServer:
    """Files by their paths, `/a/b.tar`. Folders are pages of links.

    `broken` has by path what happens instead: a status of HTTP, "short" (fewer bytes than announced), "silent" (no
    answer), or "closed" (the connection ends). With `ranges` false, whole files are sent for ranges.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken: dict[str, int | str] = {}
        self.times: dict[str, int] = {}  # how often a broken answer comes before a good one
        self.ranges = True
        self.gets: list[tuple[str, str]] = []
        self.sent = 0
        self.url = ""

    def serve(self, folder: Path, at: str) -> str:
        """Serve the files below a folder; return its URL."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.files[quote(f"/{at}/{file.relative_to(folder)}")] = file.read_bytes()
        return f"{self.url}/{at}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, asked = quote(unquote(handler.path)), handler.headers.get("Range", "")
        head = handler.command == "HEAD"
        if not head:
            self.gets.append((path, asked))
        broken = self.broken.get(path)
        if broken is not None and path in self.times:
            self.times[path] -= 1
            broken = broken if self.times[path] >= 0 else None
        if broken == "silent":
            time.sleep(3)
        if broken in ("closed", "silent"):
            handler.close_connection = True
            return
        data = self.files.get(path, self.page(path))
        if isinstance(broken, int) or data is None:
            handler.send_error(broken if isinstance(broken, int) else 404)
            return
        self.send(handler, data, asked, 7 if broken == "short" else 0, head)

    def send(self, handler: BaseHTTPRequestHandler, data: bytes, asked: str, less: int, head: bool) -> None:
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", asked) if self.ranges else None
        etag = hashlib.md5(data).hexdigest()
        if part:
            start, end = int(part[1]), min(int(part[2] or len(data)) + 1, len(data))
            whole, data = len(data), data[start:end]
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{whole}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("ETag", f'"{etag}"')
        handler.end_headers()
        if not head:
            handler.wfile.write(data[: len(data) - less])
            self.sent += len(data) - less
            handler.close_connection = bool(less) or handler.close_connection

    def page(self, path: str) -> bytes | None:
        """The links of a folder."""
        folder = path.rstrip("/") + "/"
        below = dict.fromkeys(folder + name[len(folder) :].partition("/")[0] + "/" * ("/" in name[len(folder) :])
                              for name in self.files if name.startswith(folder))  # fmt: skip
        return "".join(f'<a href="{name}">{name}</a>\n' for name in below).encode() if below else None


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server, until the end of the context."""
    files = FileServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            files.answer(self)

        def do_HEAD(self) -> None:
            files.answer(self)

        def log_message(self, *words: Any) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        files.url = f"http://{HOST}:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield files
        server.shutdown()
