"""Batches from shards behind URLs: the same on any ranks and loaders and after a restart; a rank reads its share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from file_server import FileServer, serving
from made_shards import pair_shards

from pali3kit.data.mixture import Mixture
from pali3kit.data.pairs import PairSource
from pali3kit.errors import Pali3Error, StorageError
from pali3kit.images.spec import ImageSpec
from pali3kit.storage import systems
from pali3kit.training.joint import mixture_batches
from pali3kit.training.loader import load_batches
from pali3kit.training.microbatches import part
from pali3kit.training.pretraining_images import PretrainingImages, fitted
from pali3kit.training.stream import ImageSource, Stream

SPEC, BATCH, STEPS = ImageSpec(8), 8, 4
SHARDS = pair_shards(5, 12)


class Digits:
    """A tokenizer that counts the texts that it has encoded."""

    eos_id, pad_id, bos_id = 1, 0, None

    def __init__(self) -> None:
        self.count = 0

    def encode(self, text: str, max_length: int, **options: bool) -> list[int]:
        self.count += 1
        return [int(sign) + 2 for sign in text if sign.isdigit()][:max_length]

    def pad(self, rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = tokens
        return ids, ids > 0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(systems, "PAUSES", ())
    with serving() as files:
        files.files = {f"/{name}": data for name, data in SHARDS.items()}
        yield files


def batches(path: str, window: int, ranks: int, loaders: int, start: int = 0) -> list[list[int]]:
    """The images' greys and their texts' tokens of each step, from sources that each rank opens itself."""
    shares = []
    for rank in range(ranks):
        images = PretrainingImages(PairSource(path, window=window), SPEC, 1, BATCH, rank=rank, ranks=ranks)

        def make(step: int, images: PretrainingImages = images) -> dict[str, torch.Tensor]:
            return images.with_texts(step, Digits(), 6)  # type: ignore[arg-type]

        shares.append(list(load_batches(make, start, STEPS, loaders)))
    found = []
    for share in zip(*shares, strict=True):
        assert all(isinstance(batch, dict) and batch["images"].dtype == torch.uint8 for batch in share), share
        greys = [grey for batch in share for grey in batch["images"][:, 0, 0, 0].tolist()]  # type: ignore[index]
        tokens = [row for batch in share for row in batch["ids"].tolist()]  # type: ignore[index]
        assert [str(grey) for grey in greys] == ["".join(str(t - 2) for t in row if t > 1) for row in tokens]
        found.append(greys)
    return found


@pytest.mark.parametrize(("window", "ranks"), [(0, [2]), (2, [1, 2, 4])])
def test_batches_are_those_of_one_process_with_the_files(
    window: int, ranks: list[int], server: FileServer, tmp_path: Path
) -> None:
    for name, data in SHARDS.items():
        (tmp_path / name).write_bytes(data)
    whole = batches(str(tmp_path / "{0..4}.tar"), window, 1, 0)
    assert len({grey for step in whole for grey in step}) == BATCH * STEPS
    remote = f"{server.url}/{{0..4}}.tar"
    for number in ranks:
        for loaders in (0, 2):
            assert batches(remote, window, number, loaders) == whole
    assert batches(remote, window, 2, 2, start=2) == whole[2:]  # after a restart
    fsspec.filesystem("memory").pipe({f"/batches/{name}": data for name, data in SHARDS.items()})
    assert batches("memory://batches/*.tar", window, 2, 2, start=1) == whole[1:]


def test_a_window_is_read_to_its_end_before_the_next(server: FileServer) -> None:
    source = PairSource(f"{server.url}/{{0..4}}.tar", window=2)
    shards = [source.number("train", place) // 12 for place in range(60)]
    assert [len(set(shards[start : start + 24])) for start in (0, 24, 48)] == [2, 2, 1]
    assert len(set(source.sentences(0, 32, 60))) + len(set(source.held_out(32, 60))) == 60


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_rank_draws_reads_and_tokenizes_its_share(ranks: int, server: FileServer) -> None:
    """Bytes are those that the server sent; other requests than for samples come before."""
    tokenizer, sent = Digits(), []
    for rank in range(ranks):
        source = PairSource(f"{server.url}/{{0..4}}.tar")
        mixture = Mixture({"splitcap": (source.task("splitcap", 32), 1.0)}, "train", 60, seed=3)

        def read(number: int, source: PairSource = source) -> torch.Tensor:
            return SPEC.to_batch([fitted(source, SPEC, "train", number)])

        stream = Stream(mixture, ImageSource("images", read, (3, 8, 8), 60, (1, 1)), skips=source.skips)
        make = mixture_batches(stream, part(range(BATCH), rank, ranks), tokenizer, (8, 8), 1)  # type: ignore[arg-type]
        tokenizer.count, seen = 0, source.skips.seen
        server.gets.clear()
        before = server.sent
        assert all("skipped" not in batch for step in range(STEPS) for batch in make(step))
        sent.append(server.sent - before)
        examples = BATCH * STEPS // ranks
        assert source.skips.seen - seen == examples == tokenizer.count // 2  # a prompt and a target
        assert 0.8 * examples < len(server.gets) <= examples  # one request an example; an image may come twice
    assert max(sent) < 1.3 * sum(sent) / ranks


def test_a_connection_that_is_lost_stops_all_and_a_lost_shard_is_skipped(server: FileServer) -> None:
    images = PretrainingImages(PairSource(f"{server.url}/{{0..4}}.tar"), SPEC, 1, BATCH)
    good = images.alone(0)
    server.broken["/1.tar"] = 503
    found = list(load_batches(images.alone, 0, 2, 2))
    assert all(isinstance(error, StorageError | Pali3Error) and "1.tar cannot be read" in str(error) for error in found)
    server.broken.clear()
    assert torch.equal(images.alone(0), good)
    del server.files["/1.tar"]
    skipped = images.with_texts(0, Digits(), 6)["skipped"]  # type: ignore[arg-type]
    assert skipped and all("/1.tar: sample 00" in line and "there is no http" in line for line in skipped)
