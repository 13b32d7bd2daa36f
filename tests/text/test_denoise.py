from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.errors import DataError
from pali3kit.text.denoise import PREFIXES, Denoiser, MixtureOfDenoisers, R, X, _span_noise, ul2
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(["a red fox", "two foxes"], path, 400)
    return Tokenizer(path)


def windows(rows, length):
    """Windows of word tokens without equal neighbours."""
    return np.arange(rows * length).reshape(rows, length) % 199 + 3


def corrupted(tokenizer, denoisers, ids, seed):
    """Inputs and targets of each window, without padding."""
    batch = MixtureOfDenoisers(tokenizer, denoisers)(ids, np.random.default_rng(seed))
    assert batch["inputs"].dtype == batch["targets"].dtype == np.int64
    assert (batch["inputs"][~batch["input_mask"]] == tokenizer.pad_id).all()
    assert (batch["targets"][~batch["target_mask"]] == tokenizer.pad_id).all()
    assert batch["input_mask"].any(0).all() and batch["target_mask"].any(0).all(), "no wider than the longest row"
    pairs = zip(batch["inputs"], batch["input_mask"], batch["targets"], batch["target_mask"], strict=True)
    return [(inputs[given].tolist(), targets[asked].tolist()) for inputs, given, targets, asked in pairs]


def reconstruct(inputs, targets, tokenizer):
    """Replace each sentinel of the inputs with its span of the targets."""
    first = tokenizer.sentinel(0)
    sentinels = range(first, first + tokenizer.sentinels)
    spans, current = {}, []
    for token in targets[:-1]:
        if token in sentinels:
            assert token not in spans, "a sentinel is used once"
            current = spans[token] = []
        else:
            current.append(token)
    assert list(spans) == list(sentinels)[: len(spans)], "sentinels are counted from 0"
    whole = []
    for token in inputs[1:]:
        whole += spans.pop(token) if token in sentinels else [token]
    assert not spans, "every span of the targets has a place in the inputs"
    return whole


@settings(deadline=None, max_examples=40)
@given(rows=st.integers(1, 5), length=st.integers(2, 700), seed=st.integers(0, 9))
@pytest.mark.parametrize("denoiser", [*R, *X, Denoiser("NLU", 1, 0.5)], ids=str)
def test_spans_reconstruct_the_windows(tokenizer, denoiser, rows, length, seed):
    ids = windows(rows, length)
    for window, (inputs, targets) in zip(ids, corrupted(tokenizer, [denoiser], ids, seed), strict=True):
        assert inputs[0] == tokenizer.mode(denoiser.mode)
        assert targets[0] == tokenizer.sentinel(0) and targets[-1] == tokenizer.eos_id
        assert reconstruct(inputs, targets, tokenizer) == window.tolist()


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("length", [2, 3, 64])
def test_prefix_lm_continues_the_window(tokenizer, prefix, length):
    ids = windows(20, length)
    for window, (inputs, targets) in zip(ids, corrupted(tokenizer, [PREFIXES[prefix]], ids, 0), strict=True):
        assert inputs[0] == tokenizer.mode("S2S") and targets[-1] == tokenizer.eos_id
        assert [*inputs[1:], *targets[:-1]] == window.tolist()
        assert len(inputs) > 1 and len(targets) > 1


def test_prefix_of_the_table_and_of_the_appendix(tokenizer):
    def suffixes(prefix):
        return Counter(len(targets) - 1 for _, targets in corrupted(tokenizer, [PREFIXES[prefix]], windows(4000, 9), 0))

    assert suffixes("table") == {2: 4000}, "a quarter of 9"
    assert set(suffixes("appendix")) == set(range(1, 9))
    assert all(abs(count - 500) < 5 * 21 for count in suffixes("appendix").values()), "within 5 standard deviations"


def runs(noise):
    """Lengths of the runs of True."""
    edges = np.diff(noise.astype(int), prepend=0, append=0)
    return np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)


@pytest.mark.parametrize(
    ("length", "mean_span", "density", "missing", "spans"),
    [
        (512, 3, 0.15, 77, 26),
        (512, 8, 0.15, 77, 10),
        (512, 3, 0.5, 256, 85),
        (512, 64, 0.15, 77, 1),
        (512, 64, 0.5, 256, 4),
        (48, 64, 0.5, 24, 1),
        (48, 64, 0.15, 7, 1),
        (2, 64, 0.15, 1, 1),
        (4, 1, 0.75, 3, 1),
    ],
)
def test_numbers_of_missing_tokens_and_spans(length, mean_span, density, missing, spans):
    for noise in _span_noise(5, length, density, mean_span, np.random.default_rng(0)):
        assert (noise.sum(), len(runs(noise))) == (missing, spans)
        assert not noise[0] and noise[-1]


def test_there_are_never_more_spans_than_sentinels():
    (noise,) = _span_noise(1, 2048, 0.5, 3, np.random.default_rng(0), most=100)
    assert len(runs(noise)) == 100
    assert noise.sum() == 1024


def test_span_lengths_are_uniform_over_compositions():
    noise = _span_noise(4000, 10, 0.4, 2, np.random.default_rng(0))  # 4 tokens in 2 spans: 1+3, 2+2 or 3+1
    missing = Counter(tuple(runs(row)) for row in noise)
    kept = Counter(tuple(runs(~row)) for row in noise)  # 6 tokens in 2 spans: 1+5 ... 5+1
    assert set(missing) == {(1, 3), (2, 2), (3, 1)} and len(kept) == 5
    assert all(abs(count - 4000 / 3) < 5 * 30 for count in missing.values())
    assert all(abs(count - 4000 / 5) < 5 * 26 for count in kept.values())


def t5_noise_mask(length, density, mean_span, shuffle):
    """T5's random_spans_noise_mask in plain Python, by its definition (Raffel et al. 2020, §3.1.4, and its code)."""
    missing = min(max(round(length * density), 1), length - 1)
    spans = max(round(missing / mean_span), 1)

    def segmentation(items, segments):
        """Marks the starts of segments among all items but the first, in random order."""
        begins = [index < segments - 1 for index in range(items - 1)]
        shuffle(begins)
        lengths = [1]
        for one in begins:
            if one:
                lengths.append(0)
            lengths[-1] += 1
        return lengths

    mask = []
    for kept, gone in zip(segmentation(length - missing, spans), segmentation(missing, spans), strict=True):
        mask += [False] * kept + [True] * gone
    return mask


@pytest.mark.parametrize("denoiser", [*R, *X], ids=str)
@pytest.mark.parametrize("length", [48, 512])
def test_spans_are_those_of_t5(denoiser, length):
    """The same numbers in every window, and the same distribution of span lengths and of missing places."""
    rows, shuffle = 400, random.Random(0).shuffle
    ours = _span_noise(rows, length, denoiser.density, denoiser.mean_span, np.random.default_rng(0))
    theirs = np.array([t5_noise_mask(length, denoiser.density, denoiser.mean_span, shuffle) for _ in range(rows)])
    assert set(ours.sum(1)) == set(theirs.sum(1))
    numbers = [{len(runs(row)) for row in noise} for noise in (ours, theirs)]
    assert numbers[0] == numbers[1] and len(numbers[0]) == 1
    for one, other in ((ours, theirs), (~ours, ~theirs)):
        lengths = [np.concatenate([runs(row) for row in noise]) for noise in (one, other)]
        assert lengths[0].mean() == lengths[1].mean()
        # Two-sample Kolmogorov-Smirnov, spans of one window being nearly independent: p = 0.0005 at 2.03
        grid = np.arange(length)
        shares = [np.searchsorted(np.sort(each), grid, side="right") / len(each) for each in lengths]
        assert np.abs(shares[0] - shares[1]).max() < 2.03 * (2 / len(lengths[0])) ** 0.5
    share = (ours.mean(0) + theirs.mean(0)) / 2
    error = np.sqrt(2 * share * (1 - share) / rows)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) <= 5 * error).all()


def test_lengths_and_density_of_the_mixture(tokenizer):
    """The seven denoisers on windows of 512: missing tokens, and sentinels in inputs and targets."""
    missing = {one: round(512 * one.density) for one in (*R, *X)}
    spans = {one: max(round(missing[one] / one.mean_span), 1) for one in (*R, *X)}
    for one in (*R, *X):
        for inputs, targets in corrupted(tokenizer, [one], windows(3, 512), 0):
            assert len(inputs) == 1 + 512 - missing[one] + spans[one]
            assert len(targets) == missing[one] + spans[one] + 1
            assert missing[one] / 512 == pytest.approx(one.density, abs=0.001)
            assert missing[one] / spans[one] == pytest.approx(one.mean_span, rel=0.21)  # 77 in one span of 64
    rows = corrupted(tokenizer, ul2(), windows(3500, 512), 0)
    expected = (sum(missing.values()) + sum(spans.values()) + 7 + 256) / 7
    assert np.mean([len(targets) for _, targets in rows]) == pytest.approx(expected, rel=0.03)


def test_the_mixture_is_uniform_over_its_seven(tokenizer):
    modes = Counter(inputs[0] for inputs, _ in corrupted(tokenizer, ul2(), windows(3500, 64), 0))
    for mode, share in {"NLU": 2, "S2S": 1, "NLG": 4}.items():
        assert abs(modes[tokenizer.mode(mode)] - 500 * share) < 5 * 30


def test_a_batch_is_a_function_of_the_seed(tokenizer):
    ids = windows(32, 64)
    before = ids.copy()
    assert corrupted(tokenizer, ul2(), ids, [3, 7]) == corrupted(tokenizer, ul2(), ids, [3, 7])
    assert corrupted(tokenizer, ul2(), ids, [3, 7]) != corrupted(tokenizer, ul2(), ids, [3, 8])
    assert (ids == before).all(), "windows are only read"


def test_the_two_prefixes_differ_in_one_denoiser():
    assert [one for one in ul2("table") if one not in ul2("appendix")] == [PREFIXES["table"]]
    assert len(ul2()) == 7


def test_windows_that_cannot_be_split(tokenizer):
    with pytest.raises(DataError, match="1 token"):
        MixtureOfDenoisers(tokenizer, R)(np.array([[5]]), np.random.default_rng(0))
    with pytest.raises(DataError, match="need a density"):
        MixtureOfDenoisers(tokenizer, [Denoiser("NLU", 3)])
