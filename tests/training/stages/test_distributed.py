"""Stages that do not train over 1, 2 and 3 ranks: the same bytes, the same errors, and no rank waits for ever."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from PIL import Image

from pali3kit.plan.kinds.denoising import Config as DenoisingConfig
from pali3kit.plan.kinds.embed import Config as EmbedConfig
from pali3kit.training import pretraining_images
from pali3kit.training.context import Execution, StageContext
from tests.training.stages.conftest import Chain, altered

COUNT, BAD = 28, (2, 7, 13)  # in batches of 4: the first, second and fourth batch, of ranks 0, 1 and 1 of two
TOKENS = 16  # of an image
KILLED = 9  # exit code


@dataclass(frozen=True)
class Job:
    """A stage on some ranks. With `fault`, rank 1 raises or is killed when it reads an image from that number on, or
    rank 0 cannot publish features.
    """

    name: str
    stage: str
    config: Any
    parents: dict[str, Path]
    world: int = 1
    execution: Execution = field(default_factory=Execution)
    fault: tuple[str, int] = ("", 0)
    folder: str = ""  # of an earlier job that it continues


def serve(rank: int, jobs: Sequence[Job], root: Path) -> None:
    """Run the jobs that have this rank; what they raise is written down."""
    torch.set_num_threads(1)
    for job in jobs:
        if rank < job.world:
            told = root / f"{job.name}-{rank}.json"
            notes: dict[str, Any] = {"progress": [], "read": [], "error": ""}
            if job.world > 1:
                where = f"file://{root / job.name}.store"
                dist.init_process_group("gloo", init_method=where, rank=rank, world_size=job.world)
            try:
                one(rank, job, root, notes)
            except Exception as error:
                notes["error"] = f"{type(error).__name__}: {error}"
            told.write_text(json.dumps(notes))
            if job.world > 1:
                dist.destroy_process_group()


def one(rank: int, job: Job, root: Path, notes: dict[str, Any]) -> None:
    """Run a job, watching which images it reads."""
    folder = root / (job.folder or job.name)
    folder.mkdir(exist_ok=True)
    execution, (fault, at) = replace(job.execution, devices=job.world, rank=rank), job.fault
    context = StageContext(
        folder, job.parents, 0, lambda done, total, **_: notes["progress"].append([done, total]), 1, execution
    )
    stage: Any = import_module(f"pali3kit.training.stages.{job.stage}")

    def watched(read: Callable[..., Any]) -> Callable[..., Any]:
        def reads(*arguments: Any) -> Any:
            index = arguments[-1]
            notes["read"].append(index)
            if fault == "killed" and rank == 1 and index >= at:
                os._exit(KILLED)
            if fault == "reading" and rank == 1 and index >= at:
                raise ValueError(f"no luck with {index}")
            return read(*arguments)

        return reads

    def full(unfinished: Path, path: Path) -> None:
        raise OSError(f"no space for {path.name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining_images, "fitted", watched(pretraining_images.fitted))
        if job.stage == "embed":
            patch.setattr(stage, "_read_image", watched(stage._read_image))
        if fault == "publishing":
            patch.setattr(stage, "publish_features", full)
        stage.run(job.config, context)


@dataclass(frozen=True)
class Made:
    """The folders of the jobs, and what their ranks wrote down."""

    root: Path

    def files(self, name: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.root / name).iterdir())}

    def notes(self, name: str, rank: int) -> Any:
        return json.loads((self.root / f"{name}-{rank}.json").read_text())


def write_images(folder: Path) -> dict[str, str]:
    """A source of captioned images, of which three cannot be read; `test/a/` is a labelled set of them too."""
    (folder / "test/a").mkdir(parents=True)
    lines = []
    for number in range(COUNT):
        file = f"test/a/{number:02}.png"
        if number in BAD:
            (folder / file).write_bytes(b"no image")
        else:
            Image.new("RGB", (20, 20), (number * 9, 255 - number * 9, 40)).save(folder / file)
        lines.append(f"image number {number}\t{file}\n")
    (folder / "v2").symlink_to("test")
    (folder / "c.tsv").write_text("".join(lines))
    return {"name": "tsv", "path": str(folder / "c.tsv"), "images": str(folder), "test": str(folder / "c.tsv")}


def few(images: int, of: int = TOKENS, most: float = 0.5) -> Execution:
    """Batches of so many images (of so many tokens)."""
    return Execution(checkpoint_seconds=0.0, max_bad_fraction=most, max_tokens_per_microbatch=images * of)


def jobs_of(chain: Chain, folder: Path) -> list[Job]:
    """The last but one kills rank 1, and is continued by rank 0 alone."""
    source, vision = write_images(folder), {"vision": chain("vision", pretrain="random")}
    features = altered(chain.step("features", split="train"), source=source, count=COUNT).config
    step = chain.step("evaluate", benchmark="coco", after="multimodal")
    cached = {role: chain.make(parent) for role, parent in step.parents.items()}
    read = {role: cached[role] for role in cached if role != "features"} | vision
    asked: Any = altered(step, target_length=3).config
    seen = replace(asked, source=source, test=COUNT, limit=COUNT, beams=2)
    language = chain.step("language")
    of_text = {"language": chain.make(language), "tokenizer": chain("tokenizer")}
    text = DenoisingConfig(source=chain.step("corpus").config.source, bins=16, length=48, prefix="appendix", limit=70)  # type: ignore[attr-defined]
    images = EmbedConfig(
        labelled={"name": "folders", "path": str(folder)},
        data="",
        count=COUNT,
        image_size=64,
        splits=("test",),
        crop=1.0,
    )
    jobs = []
    for world in (1, 2, 3):
        jobs += [
            Job(f"features{world}", "features", features, vision, world, few(4)),
            Job(f"evaluate{world}", "evaluate", seen, read, world, few(4, TOKENS + seen.prompt_length + 2 * 3)),
            Job(f"denoising{world}", "denoising", text, of_text, world),
            Job(f"embed{world}", "embed", images, vision, world, few(4)),
        ]
    return [
        *jobs,
        Job("loaded2", "features", features, vision, 2, replace(few(4), num_workers=2)),
        Job("cached1", "evaluate", asked, cached),
        Job("cached3", "evaluate", asked, cached, 3),  # of one batch
        Job("bad1", "features", features, vision, 1, few(4, most=0.05)),
        Job("bad3", "features", features, vision, 3, few(4, most=0.05)),
        Job("failed", "features", features, vision, 3, few(4), ("reading", 5)),
        Job("unpublished", "embed", replace(images, splits=("test", "v2")), vision, 2, few(4), ("publishing", COUNT)),
        Job("killed", "embed", images, vision, 2, few(4), ("killed", 20)),
        Job("continued", "embed", images, vision, 1, few(4), folder="killed"),
    ]


@pytest.fixture(scope="module")
def made(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All jobs, in one start of three processes."""
    root = tmp_path_factory.mktemp("ranks")
    jobs = jobs_of(chain, tmp_path_factory.mktemp("images"))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=serve, args=(rank, jobs, root)) for rank in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        process.kill()
    assert [process.exitcode for process in processes] == [0, KILLED, 0]
    return Made(root)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("kind", ["features", "evaluate", "denoising", "embed"])
def test_ranks_write_what_one_process_does(made: Made, kind: str, world: int) -> None:
    one = made.files(f"{kind}1")
    assert made.files(f"{kind}{world}") == one
    assert ("skipped.txt" in one) == (kind != "denoising")
    if "skipped.txt" in one:
        assert [f"/{number:02}.png" in line for number, line in zip(BAD, lines(one["skipped.txt"]), strict=True)]
    reports = [made.notes(f"{kind}{world}", rank)["progress"] for rank in range(world)]
    assert reports == [made.notes(f"{kind}1", 0)["progress"], *[[]] * (world - 1)]


def test_processes_that_read_images_change_nothing(made: Made) -> None:
    assert made.files("loaded2") == made.files("features1")
    assert made.notes("loaded2", 0)["read"] == made.notes("loaded2", 1)["read"] == []


def lines(text: bytes) -> list[str]:
    return text.decode().splitlines()


@pytest.mark.parametrize("kind", ["features", "evaluate", "embed"])
def test_every_image_is_read_by_one_rank(made: Made, kind: str) -> None:
    read = [set(made.notes(f"{kind}3", rank)["read"]) for rank in range(3)]
    assert sorted(number for of_rank in read for number in of_rank) == list(range(COUNT))
    assert read[0] == {0, 1, 2, 3, 12, 13, 14, 15, 24, 25, 26, 27}


def test_ranks_without_a_batch(made: Made) -> None:
    one = made.files("cached1")
    assert made.files("cached3") == one and json.loads(one["metrics.json"])["n"] == 8
    assert [made.notes("cached3", rank)["progress"] for rank in range(3)] == [[[8, 8]], [], []]


def test_too_many_bad_images_of_all_ranks_stop_all(made: Made) -> None:
    told = [made.notes("bad3", rank)["error"] for rank in range(3)]
    assert told == [made.notes("bad1", 0)["error"]] * 3
    assert told[0].startswith(f"TooManyBad: 3 of {COUNT} cannot be used, more than max_bad_fraction 0.05 allows")
    assert made.files("bad3")["skipped.txt"] == made.files("bad1")["skipped.txt"]


def test_an_error_of_one_rank_ends_all(made: Made) -> None:
    first, second, third = (made.notes("failed", rank)["error"] for rank in range(3))
    assert second == "ValueError: no luck with 5"
    assert first == third == "StageError: rank 1: ValueError: no luck with 5"
    first, second = (made.notes("unpublished", rank)["error"] for rank in range(2))
    assert (first, second) == ("OSError: no space for test.safetensors", f"StageError: rank 0: {first}")


def test_a_killed_rank_ends_the_others_and_one_rank_continues(made: Made) -> None:
    assert made.notes("killed", 0)["error"] == "StageError: rank 0: another rank has ended, whose own message says why"
    assert made.notes("killed", 0)["progress"] == [[4, COUNT], [8, COUNT]]
    assert made.notes("continued", 0)["read"] == list(range(8, COUNT))
    assert made.files("killed") == made.files("embed1")
