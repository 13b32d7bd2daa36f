"""Tokens per second of UL2's corruption: batched in NumPy, and in plain Python window by window.

The latter is T5's span corruption and prefix LM by definition, on lists. Both get the same windows, draw one of the
seven denoisers for each, and return padded arrays. Before timing, windows are rebuilt from the corruptions of both as a
check, and mean lengths are compared.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from _common import interleaved, paired_ratio, print_setup, print_table

from pali3kit.text.denoise import Denoiser, MixtureOfDenoisers, ul2
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer

SHAPES = ((64, 48), (32, 512), (1024, 512))  # windows in a batch and their length; the last is paper.yaml's


def spans(length: int, denoiser: Denoiser, most: int, rng: random.Random) -> list[bool]:
    """T5's random_spans_noise_mask."""
    missing = min(max(round(length * denoiser.density), 1), length - 1)
    count = min(max(round(missing / denoiser.mean_span), 1), missing, length - missing, most)

    def segmentation(items: int) -> list[int]:
        begins = [index < count - 1 for index in range(items - 1)]
        rng.shuffle(begins)
        lengths = [1]
        for begin in begins:
            if begin:
                lengths.append(0)
            lengths[-1] += 1
        return lengths

    mask = []
    for kept, gone in zip(segmentation(length - missing), segmentation(missing), strict=True):
        mask += [False] * kept + [True] * gone
    return mask


def leave_sentinels(window: list[int], gone: list[bool], first: int) -> list[int]:
    left, sentinel, before = [], first, False
    for token, now in zip(window, gone, strict=True):
        if not now:
            left.append(token)
        elif not before:
            left.append(sentinel)
            sentinel += 1
        before = now
    return left


def corrupt(window: list[int], denoiser: Denoiser, tokenizer: Tokenizer, rng: random.Random) -> tuple[list[int], ...]:
    mode, first = tokenizer.mode(denoiser.mode), tokenizer.sentinel(0)
    if denoiser.mean_span is None:
        start = rng.randrange(1, len(window))
        return [mode, *window[:start]], [*window[start:], tokenizer.eos_id]
    mask = spans(len(window), denoiser, tokenizer.sentinels, rng)
    inputs = leave_sentinels(window, mask, first)
    targets = leave_sentinels(window, [not missing for missing in mask], first)
    return [mode, *inputs], [*targets, tokenizer.eos_id]


def plain_python(windows: list[list[int]], tokenizer: Tokenizer, rng: random.Random) -> dict[str, np.ndarray]:
    pairs = [corrupt(window, rng.choice(ul2()), tokenizer, rng) for window in windows]
    inputs, input_mask = tokenizer.pad([pair[0] for pair in pairs])
    targets, target_mask = tokenizer.pad([pair[1] for pair in pairs])
    return {"inputs": inputs, "input_mask": input_mask, "targets": targets, "target_mask": target_mask}


def check(ours: dict[str, np.ndarray], peer: dict[str, np.ndarray], length: int, first: int, count: int) -> None:
    """Check that every window keeps all its tokens, and that both have the same numbers of inputs and targets."""
    for batch in (ours, peer):
        specials = [(batch[name] >= first) & (batch[name] < first + count) for name in ("inputs", "targets")]
        assert (specials[0].sum(1) == specials[1].sum(1)).all()
        held = batch["input_mask"].sum(1) + batch["target_mask"].sum(1) - 2 - 2 * specials[0].sum(1)
        assert (held == length).all()
    means = [batch["target_mask"].sum(1).mean() for batch in (ours, peer)]
    assert abs(means[0] / means[1] - 1) < 0.05, means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    print_setup("numpy")
    with tempfile.TemporaryDirectory() as folder:
        train_tokenizer(["a red fox", "two foxes"], Path(folder) / "tokenizer.model", 400)
        tokenizer = Tokenizer(Path(folder) / "tokenizer.model")
    mixture, rng, plain_rng = MixtureOfDenoisers(tokenizer, ul2()), np.random.default_rng(0), random.Random(0)
    rows = []
    for batch, length in SHAPES:
        several = rng.integers(3, 300, size=(4096, length))
        many = plain_python(several.tolist(), tokenizer, plain_rng)
        check(mixture(several, rng), many, length, tokenizer.sentinel(0), tokenizer.sentinels)
        windows = several[:batch]
        calls = {
            "pali3kit": partial(mixture, windows, rng),
            "plain Python": partial(plain_python, windows.tolist(), tokenizer, plain_rng),
        }
        seconds = interleaved(calls, arguments.rounds, warm_up=2)
        for name, taken in seconds.items():
            ratio = paired_ratio(taken, seconds["pali3kit"])
            rows.append([f"{batch} x {length}", name, f"{batch * length / median(taken) / 1e6:.2f}", f"{ratio:.1f}"])
    print_table(["windows", "by", "million tokens/s", "time / ours"], rows)


if __name__ == "__main__":
    main()
