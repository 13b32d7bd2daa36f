from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.errors import DataError
from pali3kit.text.denoise import S_APPENDIX, S_TABLE, UL2, Denoiser, MixtureOfDenoisers, denoise, pack, span_noise
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(["a red fox", "two foxes"], path, 400)
    return Tokenizer(path)


def reconstruct(inputs, targets, tokenizer):
    """Put each span of the targets in the place of its sentinel."""
    first = tokenizer.sentinel(0)
    sentinels = range(first, first + tokenizer.sentinels)
    spans, current = {}, []
    for token in targets[:-1]:
        if token in sentinels:
            assert token not in spans, "a sentinel is used once"
            current = spans[int(token)] = []
        else:
            current.append(int(token))
    whole = []
    for token in inputs[1:]:
        whole += spans.pop(int(token)) if token in sentinels else [int(token)]
    assert not spans, "every span of the targets has a place in the inputs"
    return whole


@settings(deadline=None)
@given(data=st.data(), length=st.integers(2, 700), seed=st.integers(0, 9))
@pytest.mark.parametrize("denoiser", [*(d for d in UL2 if d.mean_span), Denoiser("NLU", 1, 0.5)], ids=str)
def test_spans_reconstruct_the_window(tokenizer, denoiser, data, length, seed):
    ids = np.arange(length) % 200 + 3
    inputs, targets = denoise(ids, denoiser, np.random.default_rng(seed), tokenizer)
    assert inputs.dtype == targets.dtype == np.int64
    assert inputs[0] == tokenizer.mode(denoiser.mode)
    assert targets[0] == tokenizer.sentinel(0) and targets[-1] == tokenizer.eos_id
    assert reconstruct(inputs, targets, tokenizer) == ids.tolist()


@pytest.mark.parametrize("denoiser", [S_TABLE, S_APPENDIX], ids=["table", "appendix"])
@pytest.mark.parametrize("length", [2, 3, 64])
def test_prefix_lm_continues_the_window(tokenizer, denoiser, length):
    ids = np.arange(length) + 3
    for seed in range(20):
        inputs, targets = denoise(ids, denoiser, np.random.default_rng(seed), tokenizer)
        assert inputs[0] == tokenizer.mode("S2S") and targets[-1] == tokenizer.eos_id
        assert [*inputs[1:], *targets[:-1]] == ids.tolist()
        assert len(inputs) > 1 and len(targets) > 1


def test_prefix_of_the_table_and_of_the_appendix(tokenizer):
    ids, rng = np.arange(9) + 3, np.random.default_rng(0)
    assert {len(denoise(ids, S_TABLE, rng, tokenizer)[1]) - 1 for _ in range(20)} == {2}
    lengths = Counter(len(denoise(ids, S_APPENDIX, rng, tokenizer)[1]) - 1 for _ in range(4000))
    assert set(lengths) == set(range(1, 9))
    assert all(abs(count - 500) < 5 * 21 for count in lengths.values()), "uniform within 5 standard deviations"


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
    for seed in range(5):
        noise = span_noise(length, density, mean_span, np.random.default_rng(seed))
        starts = noise & ~np.concatenate([[False], noise[:-1]])
        assert (noise.sum(), starts.sum()) == (missing, spans)
        assert not noise[0] and noise[-1]


def test_there_are_never_more_spans_than_sentinels():
    noise = span_noise(2048, 0.5, 3, np.random.default_rng(0), most=100)
    assert np.diff(noise.astype(int)).clip(0).sum() == 100
    assert noise.sum() == 1024


def test_span_lengths_are_uniform_over_compositions():
    rng, lengths = np.random.default_rng(0), Counter()
    for _ in range(4000):
        noise = span_noise(10, 0.4, 2, rng)  # 4 missing tokens in 2 spans: 1+3, 2+2 or 3+1
        first = np.flatnonzero(noise)[0]
        lengths[int(np.flatnonzero(~noise[first:])[0])] += 1
    assert set(lengths) == {1, 2, 3}
    assert all(abs(count - 4000 / 3) < 5 * 30 for count in lengths.values())


def test_the_mixture_is_uniform_and_a_function_of_the_seed(tokenizer):
    mixture, ids = MixtureOfDenoisers(tokenizer), np.arange(64) + 3
    rng = np.random.default_rng(0)
    modes = Counter(int(mixture(ids, rng)[0][0]) for _ in range(3500))
    for mode, share in {"NLU": 2, "S2S": 1, "NLG": 4}.items():
        assert abs(modes[tokenizer.mode(mode)] - 500 * share) < 5 * 30
    one, other = (mixture(ids, np.random.default_rng(3)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_windows_that_cannot_be_split(tokenizer):
    with pytest.raises(DataError, match="1 token"):
        denoise(np.array([5]), UL2[0], np.random.default_rng(0), tokenizer)
    with pytest.raises(DataError, match="need a density"):
        denoise(np.arange(9), Denoiser("NLU", 3), np.random.default_rng(0), tokenizer)


def test_pack():
    windows = pack(iter([[1, 2, 3], [], [4], [5, 6, 7]]), 3)
    assert windows.dtype == np.int64
    assert windows.tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(DataError, match="2 tokens: not enough for one window of 3"):
        pack([[1, 2]], 3)
