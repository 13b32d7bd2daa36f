"""Tokens on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.format import open_memmap

from pali3kit.errors import DataError
from pali3kit.training.token_file import TokenFile, read_windows


@pytest.mark.parametrize(
    ("vocabulary", "kind", "largest"), [(1 << 16, np.uint16, 65_535), ((1 << 16) + 1, np.uint32, 65_536)]
)
def test_ids_are_kept_in_as_few_bytes_as_hold_them(
    tmp_path: Path, vocabulary: int, kind: type[np.generic], largest: int
) -> None:
    with TokenFile(tmp_path, vocabulary) as file:
        for start in range(0, 1000, 10):
            file.append(2, np.arange(start, start + 10))
        file.append(1, np.array([largest]))
        file.save()
    found = np.load(tmp_path / "tokens.npy")
    assert found.dtype == kind and found.tolist() == [*range(1000), largest]
    windows = read_windows(tmp_path, 4)
    assert windows.shape == (250, 4) and windows[-1].tolist() == [996, 997, 998, 999]  # the last token is left over


def test_what_was_not_saved_is_written_again(tmp_path: Path) -> None:
    with TokenFile(tmp_path, 100) as file:
        file.append(2, np.arange(5))
        file.save()
        file.append(1, np.arange(90, 99))  # then the process is killed
    with TokenFile(tmp_path, 100) as file:
        assert (file.texts, file.tokens) == (2, 5)
        file.append(1, np.array([5, 6]))
        file.save()
        assert (file.texts, file.tokens) == (3, 7)
    assert np.load(tmp_path / "tokens.npy").tolist() == [*range(7)]


def test_the_header_has_room_for_any_length(tmp_path: Path) -> None:
    with TokenFile(tmp_path, 100) as file:
        short = file.file.tell()
        file.tokens = 10**15
        file.file.seek(0)
        file._write_header()
        assert file.file.tell() == short


def test_too_little_text(tmp_path: Path) -> None:
    for count in (0, 3):
        with TokenFile(tmp_path, 100) as file:
            file.append(1, np.zeros(count, np.int64))
            file.save()
        (tmp_path / "progress.json").unlink()
        with pytest.raises(DataError, match=f"^the text has {count} tokens: not enough for one window of 4$"):
            read_windows(tmp_path, 4)


READ = """
import resource, sys
from pathlib import Path
import numpy as np
from pali3kit.training.token_file import read_windows

windows = read_windows(Path(sys.argv[1]), 512)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rng = np.random.default_rng(0)
rows = [windows[rng.integers(len(windows), size=64)].astype(np.int64) for _ in range(10)]
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
[mapped] = [line for line in open("/proc/self/maps") if "tokens.npy" in line]
print(len(windows), grown, mapped.split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_large_corpus_takes_no_memory_and_is_one_mapping_for_all_processes(tmp_path: Path) -> None:
    """4 GiB of tokens in a sparse file."""
    open_memmap(tmp_path / "tokens.npy", mode="w+", dtype=np.uint32, shape=(1 << 30,))
    out = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    count, kilobytes, access = out.split()
    assert int(count) == 1 << 21
    assert int(kilobytes) < 40_000  # 640 rows, int64, and the pages that they are on
    assert access.endswith("s")  # shared
