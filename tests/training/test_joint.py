"""Batches of PaLI divided into microbatches and over ranks: every target token weighs the same."""

from __future__ import annotations

import pytest
import torch

from pali3kit.data.batch import ABSENT
from pali3kit.data.task import Example
from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLI
from pali3kit.plan.pali import TextConfig
from pali3kit.projector.linear import LinearProjector
from pali3kit.projector.resampler import ResamplerProjector
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training.context import Execution
from pali3kit.training.joint import _count_microbatches, _longest, _microbatches
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.stream import ImageSource
from pali3kit.vision.vit import ViT

LENGTHS = TextConfig(source={}, image_size=16, bins=9, prompt_length=20, target_length=80)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "pieces.model"
    train_tokenizer(["one two three four five six seven eight nine ten"] * 3, path, 420)
    return Tokenizer(path, codes=4, sentinels=2)


EXAMPLES = [  # of one to three images, and one about text alone
    Example(tuple((i + n) % 10 for n in range(1 + i % 3)) if i != 4 else (), "how many ?", text)
    for i, text in enumerate(" ".join(["one two three"] * (1 + i % 4)) for i in range(10))
]


def module(tokenizer: Tokenizer) -> PaLIModule:
    torch.manual_seed(0)
    vision = ViT(16, width=12, depth=1, heads=2, mlp=16, patch=8)
    language = UL2(len(tokenizer), width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    return PaLIModule(PaLI(vision, LinearProjector(12, 16), language), vision.native_grid)


def look(batch: Batch) -> Batch:
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(len(EXAMPLES), 3, 16, 16, generator=generator)
    return {**batch, "images": images[batch.pop("image_numbers")]}


def gradients(tokenizer: Tokenizer, ranks: int, microbatches: int) -> tuple[dict[str, torch.Tensor], float]:
    """The mean gradient and the mean loss, as Lightning forms them over microbatches and ranks."""
    trained, loss = module(tokenizer), 0.0
    for rank in range(ranks):
        for batch in _microbatches(EXAMPLES, tokenizer, LENGTHS, Execution(devices=ranks, rank=rank), microbatches):
            value = trained.losses(look(batch))["loss"] / (ranks * microbatches)
            value.backward()
            loss += float(value.detach())
    return {name: p.grad for name, p in trained.named_parameters() if p.grad is not None}, loss


@pytest.mark.parametrize(("ranks", "microbatches"), [(1, 4), (2, 1), (2, 3), (1, 10)])
def test_microbatches_and_ranks_give_the_gradient_of_the_whole_batch(
    tokenizer: Tokenizer, ranks: int, microbatches: int
) -> None:
    """Targets are of 3 to 12 words: a mean of the microbatches' means would weigh their tokens unevenly."""
    assert len({len(tokenizer.encode(e.target, eos=True, max_length=80)) for e in EXAMPLES}) == 4
    whole, loss = gradients(tokenizer, 1, 1)
    divided, other = gradients(tokenizer, ranks, microbatches)
    assert whole.keys() == divided.keys() and "model.vision.embed.weight" in whole
    assert other == pytest.approx(loss, abs=1e-6)
    for name, gradient in whole.items():
        torch.testing.assert_close(divided[name], gradient, atol=1e-6, rtol=1e-4)


def test_ranks_and_microbatches_see_every_example_once(tokenizer: Tokenizer) -> None:
    seen = [
        batch["image_numbers"][:, 0].tolist()
        for rank in range(2)
        for batch in _microbatches(EXAMPLES, tokenizer, LENGTHS, Execution(devices=2, rank=rank), count=3)
    ]
    assert len(seen) == 6 and all(seen)
    assert [number for part in seen for number in part] == [
        0,
        1,
        2,
        3,
        ABSENT,
        5,
        6,
        7,
        8,
        9,
    ]  # disjoint, together all, by position


def test_after_a_replacement_every_token_still_has_the_same_weight(tokenizer: Tokenizer) -> None:
    """Whoever replaced it: the sum over the targets' tokens, divided by those of the targets as they were drawn."""
    replaced = {3: Example((9,), "how many ?", "one two three four five six seven")}
    results = []
    for ranks, microbatches in ((1, 1), (1, 4), (2, 2)):
        trained = module(tokenizer)
        for rank in range(ranks):
            execution = Execution(devices=ranks, rank=rank)
            mine = replaced if rank == 0 else {}
            for batch in _microbatches(EXAMPLES, tokenizer, LENGTHS, execution, microbatches, mine):
                (trained.losses(look(batch))["loss"] / (ranks * microbatches)).backward()
        results.append({name: p.grad for name, p in trained.named_parameters() if p.grad is not None})
    for other in results[1:]:
        for name, gradient in results[0].items():
            torch.testing.assert_close(other[name], gradient, atol=1e-6, rtol=1e-4)
    [batch] = _microbatches(EXAMPLES, tokenizer, LENGTHS, Execution(), 1, replaced)
    drawn = sum(len(tokenizer.encode(e.target, eos=True, max_length=80)) for e in EXAMPLES)
    assert float(batch["share"]) == pytest.approx(int(batch["target_mask"].sum()) / drawn)
    assert int(batch["target_mask"].sum()) != drawn


def test_the_tokens_of_an_example_are_those_that_the_projector_leaves() -> None:
    """And all that a vision encoder has, where it learns."""
    vision = ViT(64, width=12, depth=1, heads=2, mlp=16, patch=8)
    language = UL2(50, width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    few = PaLI(None, ResamplerProjector(12, 16, tokens=4), language)
    all_ = PaLI(None, LinearProjector(12, 16), language)
    sources = [ImageSource("tokens", lambda n: torch.empty(0), (64, 12), 1, (8, 8), seen) for seen in (None, vision)]
    assert [_longest(few, image_source, 20) for image_source in sources] == [24, 64]
    assert [_longest(all_, image_source, 20) for image_source in sources] == [84, 84]
    assert [_longest(few, image_source, 20, images=4) for image_source in sources] == [36, 256]
    vision.requires_grad_(False)
    assert _longest(few, sources[1], 20) == 24


def test_passes_hold_as_many_tokens_as_are_allowed() -> None:
    assert _count_microbatches(32, 100, Execution()) == 1
    assert _count_microbatches(32, 100, Execution(max_tokens_per_microbatch=3200)) == 1
    assert _count_microbatches(32, 100, Execution(max_tokens_per_microbatch=800)) == 4
    assert _count_microbatches(32, 100, Execution(max_tokens_per_microbatch=899, devices=2)) == 2
    assert _count_microbatches(32, 100, Execution(max_tokens_per_microbatch=50)) == 32
