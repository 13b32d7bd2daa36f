"""Batches of PaLI over ranks and in microbatches: the same examples, and every target token weighs the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pali3kit.config.stages import Training
from pali3kit.data.source import Source
from pali3kit.data.union import UnionSource
from pali3kit.data.world.source import WorldSource
from pali3kit.errors import DataError
from pali3kit.language.ul2 import UL2
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.pali import PaLIModel
from pali3kit.projector.linear import LinearProjector
from pali3kit.projector.resampler import ResamplerProjector
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training import joint
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.joint import _longest, _microbatches
from pali3kit.training.loader import MakeBatch, loading
from pali3kit.training.microbatches import part
from pali3kit.training.modules import Batch
from pali3kit.training.stream import ImageSource
from pali3kit.vision.vit import ViT

sys.path.insert(0, str(Path(__file__).parent))

from joint_rank import CASES, CONFIG, LENGTHS, SEVERAL, Gradients, gradients, module, with_images

BATCH, STEPS, COUNT = 12, 4, 30
Found = dict[str, tuple[Gradients, dict[str, torch.Tensor]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    words = "one two three four five six seven eight nine ten"
    train_tokenizer([words, *(str(number) for number in range(99))] * 3, folder / "pieces.model", 420)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer(folder / "pieces.model", codes=4, sentinels=2)


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    """The gradients and numbers of two ranks."""
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("joint_rank.py")), str(folder)], check=True, timeout=300
    )
    loaded: Found = torch.load(folder / "found.pt", weights_only=True)
    return loaded


def assert_equal(
    one: tuple[Gradients, dict[str, torch.Tensor]], other: tuple[Gradients, dict[str, torch.Tensor]]
) -> None:
    for mine, others in zip(one, other, strict=True):
        assert mine.keys() == others.keys()
        for name, value in mine.items():
            torch.testing.assert_close(others[name], value, atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize("name", CASES)
def test_ranks_give_the_gradient_and_the_numbers_of_one_process(
    name: str, strategy: str, count: int, found: Found, tokenizer: Tokenizer
) -> None:
    """Also where a rank has text alone: it runs the encoder on nothing, since the other would wait for it."""
    alone = gradients(tokenizer, CASES[name])
    assert (
        "model.vision.embed.weight" in alone[0] and alone[0].keys() == dict(module(tokenizer).named_parameters()).keys()
    )
    theirs, numbers = found[f"{name}, {strategy}, {count}"]
    assert_equal(alone, ({key.replace("module.module", "module"): value for key, value in theirs.items()}, numbers))


@pytest.mark.parametrize("count", [2, 4, 10])
def test_microbatches_give_the_gradient_of_the_whole_batch(count: int, tokenizer: Tokenizer) -> None:
    """Targets are of 3 to 12 words: a mean of the microbatches' means would weigh their tokens unevenly."""
    assert len({len(tokenizer.encode(e.target, eos=True, max_length=80)) for e in SEVERAL}) == 4
    assert_equal(gradients(tokenizer, SEVERAL), gradients(tokenizer, SEVERAL, count))


def test_a_whole_batch_has_the_loss_of_one_that_is_no_part(tokenizer: Tokenizer) -> None:
    """To the bit."""
    [batch] = _microbatches(SEVERAL, tokenizer, LENGTHS, 1)
    whole = with_images(batch)
    trained = module(tokenizer)
    one = trained.losses(whole)
    del whole["step_tokens"], whole["parts"]
    assert all(torch.equal(value, one[name]) for name, value in trained.losses(whole).items())


class _Made:
    """What `train_pali` would train on: its batches by step, for a rank of some ranks."""

    def __init__(self, source: Source, tasks: dict[str, float], folder: Path, bad: tuple[int, ...]) -> None:
        self.source, self.tasks, self.folder, self.bad = source, tasks, folder, bad
        self.read: list[int] = []
        torch.manual_seed(0)
        language = UL2(600, width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
        self.model = PaLIModel(None, LinearProjector(2, 16), language)

    def _read(self, number: int) -> torch.Tensor:
        self.read.append(number)
        if number in self.bad:
            raise DataError(f"image {number} is broken")
        return torch.full((1, 1, 2), float(number))

    def __call__(self, monkeypatch: pytest.MonkeyPatch, rank: int = 0, ranks: int = 1, count: int = 1) -> MakeBatch:
        made: list[MakeBatch] = []
        monkeypatch.setattr(joint, "build_source", lambda *_: self.source)
        monkeypatch.setattr(joint, "count_microbatches", lambda *_: count)
        monkeypatch.setattr(joint, "fit", lambda module, make, *_: made.append(make))
        context = StageContext(
            self.folder, {"tokenizer": self.folder}, 5, lambda *_, **__: None, 1, Execution(devices=ranks, rank=rank)
        )
        images = ImageSource("tokens", self._read, (1, 2), COUNT, (1, 1))
        joint.train_pali(
            self.model, CONFIG, context, Training(examples=BATCH * STEPS, batch_size=BATCH), self.tasks, images
        )
        return made[0]


@pytest.fixture
def world(folder: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> _Made:
    """Captions, text alone and regions; two images are broken."""
    torch.manual_seed(0)
    mask_tokenizer = MaskVQVAE(codes=4, code_width=4, width=4).eval()
    monkeypatch.setattr(joint, "trained_mask_tokenizer", lambda context: mask_tokenizer)
    monkeypatch.setattr(joint.Artifact, "tokenizer", lambda artifact: tokenizer)
    return _Made(WorldSource(), {"splitcap": 1.0, "span_corruption": 1.0, "refer": 2.0}, folder, (2, 7))


@pytest.fixture
def union(folder: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Made:
    """Clips of three images and single images; some images are broken."""
    monkeypatch.setattr(joint.Artifact, "tokenizer", lambda artifact: tokenizer)
    parts: dict[str, Any] = {}
    for name, count in (("clips", 3), ("images", 1)):
        lines = [
            {"images": [f"{n}/{i}.png" for i in range(count)], "caption": " ".join(["one two"] * (1 + n % 4))}
            for n in range(6)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
        parts[name] = {"name": "records", "path": str(tmp_path / f"{name}.jsonl"), "images": str(tmp_path)}
    return _Made(UnionSource(parts), {"splitcap": 1.0, "clips.span_corruption": 1.0}, folder, (0, 4, 11, 19))


def rows(batches: list[Batch]) -> list[tuple[list[int], list[int], list[float]]]:
    """Every example of some microbatches: prompt, target and images, without padding."""
    return [
        (
            batch["prompts"][i][batch["prompt_mask"][i]].tolist(),
            batch["targets"][i][batch["target_mask"][i]].tolist(),
            batch["tokens"][i, :, 0, 0][batch["image_mask"][i] if "image_mask" in batch else slice(None)].tolist(),
        )
        for batch in batches
        for i in range(len(batch["prompts"]))
    ]


def steps(make: MakeBatch, count: int, start: int = 0, loaders: int = 0) -> list[list[Batch]]:
    """The microbatches of each step from `start` on."""
    with loading(make, start, STEPS, loaders) as loader:
        every: list[Any] = list(loader)
    return [every[at : at + count] for at in range(0, len(every), count)]


@pytest.mark.parametrize("name", ["world", "union"])
def test_ranks_microbatches_loaders_and_restarts_give_the_same_examples(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: _Made = request.getfixturevalue(name)
    whole = steps(made(monkeypatch), 1)
    expected = [rows(batches) for batches in whole]
    told = [batch.get("skipped", []) for [batch] in whole]
    assert {len(images) for step in expected for *_, images in step} == ({0, 1} if name == "world" else {0, 1, 3})
    assert any("is broken" in line for lines in told for line in lines)
    for ranks, count, loaders, start in [
        (1, 3, 0, 0), (2, 1, 0, 0), (2, 3, 0, 1), (4, 1, 0, 2), (4, 3, 0, 0), (1, 1, 2, 1), (2, 3, 2, 0), (4, 1, 2, 3),
    ]:  # fmt: skip
        every = [steps(made(monkeypatch, rank, ranks, count), count, start, loaders) for rank in range(ranks)]
        for step, by_rank in enumerate(zip(*every, strict=True), start):
            for rank, batches in enumerate(by_rank):  # each rank its part; microbatches have texts of similar length
                assert sorted(rows(batches)) == sorted(part(expected[step], rank, ranks))
            assert [line for batches in by_rank for line in batches[0].get("skipped", [])] == told[step]
            for batches in by_rank:
                assert [int(batch["parts"]) for batch in batches] == [count] * count
                tokens = sum(int(batch["target_mask"].sum()) for batch in batches)
                assert [int(batch["step_tokens"]) for batch in batches] == [tokens] * count


@pytest.mark.parametrize("ranks", [1, 4])
def test_a_rank_draws_reads_and_tokenizes_its_own_part(
    ranks: int, union: _Made, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 12 examples of a step, 12 / ranks; each image once, whoever shares it."""
    union.bad = ()
    drawn: list[int] = []
    targets: list[str] = []
    for each in union.source.parts.values():  # type: ignore[attr-defined]
        _note(monkeypatch, each, "usable", lambda split, index: drawn.append(index))
    _note(
        monkeypatch, Tokenizer, "encode", lambda self, text, **told: targets.append(text) if told.get("eos") else None
    )
    for rank in range(ranks):
        make = union(monkeypatch, rank, ranks, 3)
        for known in (drawn, targets, union.read):
            known.clear()
        batches = [make(step) for step in range(STEPS)]
        assert len(drawn) == len(targets) == BATCH * STEPS // ranks
        own = [{number for *_, images in rows(step) for number in images} for step in batches]
        assert len(union.read) == sum(map(len, own))


def _note(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, note: Callable[..., object]) -> None:
    """Call `note` with the arguments of every call of a method."""
    method = getattr(owner, name)

    def noted(*arguments: Any, **options: Any) -> Any:
        note(*arguments, **options)
        return method(*arguments, **options)

    monkeypatch.setattr(owner, name, noted)


def test_the_tokens_of_an_example_are_those_that_the_projector_leaves() -> None:
    """And all that a vision encoder has, where it learns."""
    vision = ViT(64, width=12, depth=1, heads=2, mlp=16, patch=8)
    language = UL2(50, width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    few = PaLIModel(None, ResamplerProjector(12, 16, tokens=4), language)
    all_ = PaLIModel(None, LinearProjector(12, 16), language)
    sources = [ImageSource("tokens", lambda n: torch.empty(0), (64, 12), 1, (8, 8), seen) for seen in (None, vision)]
    assert [_longest(few, image_source, 20) for image_source in sources] == [24, 64]
    assert [_longest(all_, image_source, 20) for image_source in sources] == [84, 84]
    assert [_longest(few, image_source, 20, images=4) for image_source in sources] == [36, 256]
    vision.requires_grad_(False)
    assert _longest(few, sources[1], 20) == 24
