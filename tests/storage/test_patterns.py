"""The files that a URL names."""

from __future__ import annotations

import pytest
from file_server import FileServer

from pali3kit.errors import DataError
from pali3kit.storage.patterns import remote_files
from pali3kit.storage.remote import RemotePath
from pali3kit.storage.systems import open_system


@pytest.mark.parametrize("folder", ["sets.v2", "sets.v2/", "sets.tar"])
def test_a_folder_with_a_dot_in_its_name(folder: str) -> None:
    remote = RemotePath(f"memory://dots/{folder}")
    system, path = open_system(remote.url)
    system.pipe_file(f"{path}/a.tar", b"x")
    assert [found.name for found in remote_files(f"memory://dots/{folder}", ".tar")] == ["a.tar"]


def test_a_file_a_pattern_and_a_folder(server: FileServer) -> None:
    for name in ("/s/b.tar", "/s/a.tar", "/s/deep/c.tar", "/s/notes.txt"):
        server.files[name] = b"x"
    url = server.url

    def names(path: str) -> list[str]:
        return [str(found).removeprefix(url) for found in remote_files(f"{url}{path}", ".tar")]

    assert names("/s/a.tar") == ["/s/a.tar"] and names("/s/*.tar") == ["/s/a.tar", "/s/b.tar"]
    assert names("/s") == ["/s/a.tar", "/s/b.tar", "/s/deep/c.tar"] and names("/s/notes.txt") == ["/s/notes.txt"]
    for path in ("/s/none.tar", "/s/x*.tar", "/empty"):
        with pytest.raises(DataError, match=f"there is no file {url}/"):
            names(path)
    server.files["/s/.trash/d.tar"] = server.files["/s/__MACOSX/e.tar"] = b"x"
    assert names("/s") == ["/s/a.tar", "/s/b.tar", "/s/deep/c.tar"], "hidden ones are no data, as on a disk"
    server.files["/v1.2/a.tar"] = b"x"
    assert names("/v1.2/") == ["/v1.2/a.tar"]
