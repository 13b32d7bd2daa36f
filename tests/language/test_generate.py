"""Generation: greedy and beam search against exhaustive search and transformers."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import T5ForConditionalGeneration

from pali3kit.language.generate import Sampling, generate, log_probabilities
from pali3kit.language.ul2 import UL2
from pali3kit.weights.export import export_language

SHAPE = {"width": 16, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 24}


def make(vocabulary: int) -> UL2:
    torch.manual_seed(3)
    return UL2(vocabulary=vocabulary, **SHAPE).eval()


def memory_of(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(batch, 5, 16), torch.ones(batch, 5, dtype=torch.bool)


def log_probability(model: UL2, memory: torch.Tensor, mask: torch.Tensor, ids: list[int]) -> float:
    with torch.no_grad():
        logits = model.decode(torch.tensor([[0, *ids[:-1]]]), memory, mask)[0]
    return float(logits.log_softmax(-1)[range(len(ids)), ids].sum())


def test_greedy_takes_the_likeliest_token_and_pads_after_the_end() -> None:
    model, (memory, mask) = make(30), memory_of(16)
    ids = generate(model, memory, mask, max_length=10)
    with torch.no_grad():
        logits = model.decode(torch.cat([torch.zeros(16, 1, dtype=torch.long), ids[:, :-1]], 1), memory, mask)
    for row, best in zip(ids.tolist(), logits.argmax(-1).tolist(), strict=True):
        end = row.index(1) + 1 if 1 in row else len(row)
        assert row[:end] == best[:end]
        assert not any(row[end:])


def test_a_row_is_the_same_alone_and_in_a_batch() -> None:
    model, (memory, mask) = make(30), memory_of(6)
    for beams in (1, 3):
        together = generate(model, memory, mask, 8, beams)
        for i in range(6):
            alone = generate(model, memory[i : i + 1], mask[i : i + 1], 8, beams)[0]
            assert together[i, : len(alone)].tolist() == alone.tolist()
            assert not together[i, len(alone) :].any()


def test_a_wide_beam_finds_the_best_of_all_sequences() -> None:
    """Exhaustive over a vocabulary of 5 and lengths up to 4, scored as documented."""
    model, (memory, mask) = make(5), memory_of(1)
    finished = [
        list(ids)
        for length in range(1, 5)
        for ids in itertools.product(range(5), repeat=length)
        if (ids[-1] == 1 or length == 4) and 1 not in ids[:-1]
    ]

    def score(ids: list[int]) -> float:
        return log_probability(model, memory, mask, ids) / ((5 + len(ids)) / 6) ** 0.6

    assert generate(model, memory, mask, max_length=4, beams=600)[0].tolist() == max(finished, key=score)


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> tuple[UL2, T5ForConditionalGeneration]:
    """Equal weights here and in transformers; the answers of 16 rows have many lengths."""
    torch.manual_seed(5)
    ours = UL2(vocabulary=40, width=24, encoder_depth=2, decoder_depth=2, heads=2, head_width=8, mlp=32).eval()
    with torch.no_grad():
        ours.logits.weight[1] *= 4  # EOS is sometimes likely
    folder: Path = tmp_path_factory.mktemp("t5")
    export_language(ours, folder)
    return ours, T5ForConditionalGeneration.from_pretrained(folder).eval()


def until_the_end(row: list[int]) -> list[int]:
    return row[: row.index(1) + 1] if 1 in row else row


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_equals_transformers_generate(peers: tuple[UL2, T5ForConditionalGeneration], beams: int) -> None:
    """Without a length penalty, which is another function of the length in transformers."""
    ours, theirs = peers
    ids = torch.randint(3, 40, (16, 9), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[::3, 6:] = False
    with torch.no_grad():
        memory = ours.encode(ours.embed(ids), mask)
    mine = generate(ours, memory, mask, 12, beams, length_penalty=0.0)
    peer = theirs.generate(
        input_ids=ids, attention_mask=mask.long(), num_beams=beams, max_new_tokens=12, do_sample=False,
        length_penalty=0.0, early_stopping="never" if beams > 1 else False,
    )[:, 1:]  # fmt: skip
    lengths = {row.index(1) if 1 in row else 12 for row in mine.tolist()}
    assert len(lengths) > 3, "rows should end at many lengths, so that some leave before others"
    assert list(map(until_the_end, mine.tolist())) == list(map(until_the_end, peer.tolist()))


def test_rows_that_have_ended_leave_the_batch(peers: tuple[UL2, T5ForConditionalGeneration]) -> None:
    ours, sizes = peers[0], []
    memory = torch.randn(16, 5, 24, generator=torch.Generator().manual_seed(0))
    hook = ours.decoder[0].register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    generate(ours, memory, torch.ones(16, 5, dtype=torch.bool), 12)
    hook.remove()
    assert sizes[0] == 16 and sizes[-1] < 12
    assert sizes == sorted(sizes, reverse=True)


def test_log_probabilities_are_those_of_the_logits() -> None:
    model, (memory, mask) = make(30), memory_of(2)
    targets = torch.randint(2, 30, (4, 6))  # two choices per memory
    found = log_probabilities(model, memory, mask, targets)
    for i, row in enumerate(targets.tolist()):
        one = log_probability(model, memory[i // 2 : i // 2 + 1], mask[:1], row)
        assert math.isclose(float(found[i].sum()), one, abs_tol=1e-4)


def test_greedy_and_beam_search_obey_a_constraint() -> None:
    model, (memory, mask) = make(30), memory_of(4)

    def even_then_odd(ids: torch.Tensor) -> torch.Tensor:
        allowed = torch.arange(30) % 2 == ids.shape[1] % 2
        return (allowed & (torch.arange(30) > 1))[None]

    for beams in (1, 3):
        ids = generate(model, memory, mask, 6, beams, constraint=even_then_odd)
        assert ids.shape == (4, 6)
        assert (ids % 2 == torch.arange(6) % 2).all()


def test_sampling_follows_seed_temperature_top_k_and_top_p() -> None:
    model, (memory, mask) = make(30), memory_of(4)

    def draw(seed: int, **options: float) -> list[list[int]]:
        sampling = Sampling(torch.Generator().manual_seed(seed), **options)
        return generate(model, memory, mask, 8, sampling=sampling).tolist()

    greedy = generate(model, memory, mask, 8).tolist()
    assert draw(0) == draw(0) != draw(1)
    assert draw(0, top_k=1) == draw(0, top_p=1e-9) == draw(0, temperature=1e-4) == greedy
    with pytest.raises(ValueError, match="sampling needs beams=1, not 2"):
        generate(model, memory, mask, 8, beams=2, sampling=Sampling(torch.Generator()))
    with pytest.raises(ValueError, match="beams is 0, but must be at least 1"):
        generate(model, memory, mask, 8, beams=0)
    with pytest.raises(ValueError, match=r"mask should be bool, .* not torch.int64"):
        generate(model, memory, mask.long(), 8)
    with pytest.raises(ValueError, match="5 targets are not a multiple of 4 memories"):
        log_probabilities(model, memory, mask, torch.ones(5, 2, dtype=torch.long))


def test_samples_are_as_frequent_as_they_are_likely() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(4000, 4)
    generator = torch.Generator().manual_seed(0)
    for options, expected in (
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({"top_k": 2}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.75}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.85}, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        ({"temperature": 0.5}, [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
    ):
        shares = torch.bincount(Sampling(generator, **options)(logits), minlength=4) / 4000
        torch.testing.assert_close(shares, torch.tensor(expected), atol=0.03, rtol=0.0)


@pytest.mark.parametrize("numbers", [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.5}, {"top_k": 0}])
def test_sampling_from_nothing_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="temperature and top_p should be above 0"):
        Sampling(torch.Generator(), **numbers)


def test_top_p_keeps_one_of_two_equal_tokens() -> None:
    draw = Sampling(torch.Generator().manual_seed(0), top_k=1)
    assert len({int(draw(torch.tensor([[1.0, 1.0, 0.0]]))) for _ in range(50)}) == 1
