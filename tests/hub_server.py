"""A stand-in for the Hugging Face hub on this machine: repositories in memory, and the requests that
`huggingface_hub` makes to create one, commit files to it (small ones in the commit, weights by LFS), and read it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOKEN = "hf_of_the_test"


class Hub:
    """Commits of each repository, by name: files and their content. `private` has the names of private ones."""

    def __init__(self) -> None:
        self.commits: dict[str, list[dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.url = ""

    def commit(self, name: str, lines: list[dict[str, Any]]) -> str:
        files = dict(self.commits[name][-1]) if self.commits[name] else {}
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.commits[name].append(files)
        return self.revision(name)

    def revision(self, name: str) -> str:
        return f"{len(self.commits[name]):040x}"

    def files(self, name: str, revision: str) -> dict[str, bytes] | None:
        """The files of `main` or of a commit; None where there is none."""
        commits = self.commits[name]
        if revision == "main":
            return commits[-1] if commits else {}
        number = int(revision, 16) if len(revision) == 40 else 0
        return commits[number - 1] if 0 < number <= len(commits) else None


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def answer(self, status: int, content: bytes | dict[str, Any] = b"", **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def do_PUT(self) -> None:
        self.hub.objects[self.path.rpartition("/")[2]] = self.body()
        self.answer(200)

    def do_POST(self) -> None:
        self.hub.requests.append(f"POST {self.path}")
        body, path = self.body(), self.path
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if not self.known:
            return self.answer(401, {"error": "Invalid username or password."})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.batch(json.loads(body))
        name, action = "/".join(path.split("/")[3:5]), path.split("/")[5]
        if action == "preupload":
            modes = [
                {"path": file["path"], "uploadMode": "lfs" if fnmatch(file["path"], "*.safetensors") else "regular",
                 "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]  # fmt: skip
            return self.answer(200, {"files": modes})
        revision = self.hub.commit(name, [json.loads(line) for line in body.splitlines()])
        url = f"{self.hub.url}/{name}/commit/{revision}"
        return self.answer(200, {"success": True, "commitOid": revision, "commitUrl": url, "hookOutput": ""})

    def create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        url = f"{self.hub.url}/{name}"
        if wanted["organization"] == "others":
            return self.answer(403, {"error": "You don't have the rights to create a model under this namespace"})
        if name in self.hub.commits:
            return self.answer(409, {"error": "You already created this model repo", "url": url})
        self.hub.commits[name] = []
        if wanted.get("private") or wanted.get("visibility") == "private":
            self.hub.private.add(name)
        return self.answer(200, {"url": url, "name": name})

    def batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}", "header": {}}}}
            for each in wanted["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        parts = self.path.partition("?")[0].strip("/").split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if name not in self.hub.commits or (name in self.hub.private and not self.known):
            return self.answer(401 if not self.known else 404, {}, X_Error_Code="RepoNotFound")
        revision = parts[5] if parts[0] == "api" and len(parts) > 5 else parts[3] if parts[0] != "api" else "main"
        files = self.hub.files(name, revision)
        if files is None:
            return self.answer(404, {}, X_Error_Code="RevisionNotFound")
        if "tree" in parts:
            listed = [{"type": "file", "path": path, "oid": "0" * 40, "size": len(files[path])} for path in files]
            return self.answer(200, json.dumps(listed).encode())
        if parts[0] == "api":
            siblings = [{"rfilename": path} for path in files]
            return self.answer(200, {"id": name, "sha": self.hub.revision(name) if revision == "main" else revision,
                                     "siblings": siblings, "private": name in self.hub.private})  # fmt: skip
        content = files.get("/".join(parts[4:]))
        if content is None:
            return self.answer(404, {}, X_Error_Code="EntryNotFound")
        commit = self.hub.revision(name) if revision == "main" else revision
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self.answer(200, content, ETag=etag, X_Repo_Commit=commit, Accept_Ranges="bytes")


@contextmanager
def running(hub: Hub) -> Iterator[str]:
    """Serve a hub; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub.url
    finally:
        server.shutdown()
        server.server_close()
