"""The grammar of regions allows every valid region, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pali3kit.errors import DataError
from pali3kit.language.generate import generate
from pali3kit.language.regions import RegionGrammar
from pali3kit.language.ul2 import UL2
from pali3kit.masks.codec import CODES_PER_MASK, PALIGEMMA, RegionFormat
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer

BINS = 300
REGIONS = RegionFormat(BINS, 8)


@pytest.fixture(scope="module", params=["own", "t5", "mt5", "gemma"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "pieces.model"
    if request.param == "own":  # 117 stands alone in the corpus: one piece, as numbers below 100 are; others are more
        train_tokenizer(["the box 117 8 210 30"] * 3, path, 500)
    else:
        published: Callable[[str], Path] = request.getfixturevalue("published")
        path = published(request.param)
    return Tokenizer(path, codes=8)


@pytest.fixture(scope="module")
def grammar(tokenizer: Tokenizer) -> RegionGrammar:
    return RegionGrammar(tokenizer, REGIONS)


def region(generator: torch.Generator) -> str:
    y0, x0 = torch.randint(0, BINS - 1, (2,), generator=generator).tolist()
    y1 = int(torch.randint(y0 + 1, BINS, (), generator=generator))
    x1 = int(torch.randint(x0 + 1, BINS, (), generator=generator))
    codes = torch.randint(0, 8, (CODES_PER_MASK,), generator=generator).tolist()
    return REGIONS.write(f"{y0} {x0} {y1} {x1}", codes)


def test_every_region_may_be_written(tokenizer: Tokenizer, grammar: RegionGrammar) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        ids = torch.tensor([tokenizer.encode(region(generator), eos=True)])
        for length in range(ids.shape[1]):
            assert grammar(ids[:, :length])[0, ids[0, length]]


def test_every_constrained_sample_is_valid(tokenizer: Tokenizer, grammar: RegionGrammar) -> None:
    generator = torch.Generator().manual_seed(1)
    ids, answers = torch.zeros(200, 0, dtype=torch.int64), []
    for _ in range(60):
        ids = torch.cat([ids, torch.multinomial(grammar(ids).float(), 1, generator=generator)], 1)
    for row in ids.tolist():
        assert tokenizer.eos_id in row
        answers.append(REGIONS.read(tokenizer.decode(row)))
    assert all(box is not None and codes is not None for box, codes in answers)
    assert len({box for box, _ in answers}) > 50


def test_the_order_of_sides_by_hand(tokenizer: Tokenizer, grammar: RegionGrammar) -> None:
    def may(text: str) -> bool:
        ids = tokenizer.encode(text)
        return all(bool(grammar(torch.tensor([ids[:n]]))[0, ids[n]]) for n in range(len(ids)))

    assert may("5 7 6 8") and may("0 298 299 299") and may("17 117 210 118")
    assert not may("5 7 5 8 <mask_token 1>")
    assert not may("5 7 6 3 <mask_token 1>")
    assert not may("299 0 5 7 <mask_token 1>")
    assert not may("5 7 6 <mask_token 1>")
    assert not may("5 7 6 8 9")
    assert not may("5 7 6 300 <mask_token 1>")


@pytest.mark.parametrize("beams", [1, 3])
def test_a_model_with_random_weights_writes_regions(tokenizer: Tokenizer, grammar: RegionGrammar, beams: int) -> None:
    torch.manual_seed(2)
    shape = {"width": 16, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 16}
    model = UL2(len(tokenizer), **shape).eval()
    ids, mask = torch.randint(3, 90, (6, 5)), torch.ones(6, 5, dtype=torch.bool)
    with torch.no_grad():
        memory = model.encode(model.embed(ids), mask)
    free = generate(model, memory, mask, 60, beams)
    assert all(REGIONS.read(tokenizer.decode(row)) == (None, None) for row in free.tolist())
    answers = generate(model, memory, mask, 60, beams, constraint=grammar)
    assert all(REGIONS.read(tokenizer.decode(row))[1] is not None for row in answers.tolist())


@pytest.fixture(scope="module")
def palis(published: Callable[[str], Path]) -> Tokenizer:
    return Tokenizer(published("paligemma"))


@pytest.fixture(scope="module")
def locs(palis: Tokenizer) -> RegionGrammar:
    return RegionGrammar(palis, PALIGEMMA)


def test_paligemmas_regions_are_20_tokens_under_the_same_grammar(palis: Tokenizer, locs: RegionGrammar) -> None:
    def may(text: str) -> bool:
        ids = palis.encode(text, eos=True)
        return all(bool(locs(torch.tensor([ids[:n]]))[0, ids[n]]) for n in range(len(ids)))

    codes = range(112, 128)
    assert len(palis.encode(PALIGEMMA.write("<loc0000><loc0007><loc0001><loc1023>", codes))) == 20
    assert may(PALIGEMMA.write("<loc0000><loc0007><loc0001><loc1023>", codes))
    assert not may(PALIGEMMA.write("<loc0005><loc0007><loc0005><loc1023>", codes))
    assert not may(PALIGEMMA.write("<loc1023><loc0007><loc0005><loc0009>", codes))
    assert not may(PALIGEMMA.write("<loc0000><loc0007><loc0001><loc1023>", codes[1:]))
    assert not may("0 7 1 1023")


def test_every_constrained_sample_of_paligemmas_is_valid(palis: Tokenizer, locs: RegionGrammar) -> None:
    generator = torch.Generator().manual_seed(1)
    ids = torch.zeros(50, 0, dtype=torch.int64)
    for _ in range(21):
        ids = torch.cat([ids, torch.multinomial(locs(ids).float(), 1, generator=generator)], 1)
    answers = [PALIGEMMA.read(palis.decode(row)) for row in ids.tolist()]
    assert all(box is not None and codes is not None for box, codes in answers)
    assert (ids[:, -1] == palis.eos_id).all() and len({box for box, _ in answers}) > 45


def test_a_vocabulary_without_paligemmas_tokens_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match=r"\.model: <seg000> is not a token of this vocabulary"):
        RegionGrammar(tokenizer, PALIGEMMA)
