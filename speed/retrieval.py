"""Our recall at k against CLIP_benchmark's, at the size of Crossmodal-3600: 3,600 images with two texts each, in 36
languages.

Both start from embeddings in memory. CLIP_benchmark's own `evaluate` runs with a model that returns these embeddings,
in its default batches of 64. Every language is a round with its own texts, on which both run in turn; the largest
difference in any of the six recalls is printed.

- time: median over the languages, and of their paired ratios.
- peak: the largest growth of a fresh process's resident memory during one language.

CLIP_benchmark is not a dependency; without it only ours is measured: `pip install --no-deps clip-benchmark`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median
from types import SimpleNamespace

import torch
from _common import counts_processor_time, paired_ratio, print_setup, print_table
from _memory import growth, peak_of_process
from torch import Tensor

from pali3kit.metrics.retrieval import recall_hits

TOP = (1, 5, 10)
WIDTH = 768
TEXTS = 2  # of each image
BATCH = 64
MIB = 2**20
Recalls = dict[str, float]


def embeddings(photos: int, language: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of images and of texts, similar enough that some are found, and the image of each text."""
    generator = torch.Generator().manual_seed(language)
    images = torch.randn(photos, WIDTH, generator=generator)
    owners = torch.arange(photos).repeat_interleave(TEXTS)
    noise = torch.randn(len(owners), WIDTH, generator=generator)
    return images, images[owners] + 8 * noise, owners


def ours(images: Tensor, texts: Tensor, owners: Tensor) -> Recalls:
    hits = recall_hits(images, texts, owners, TOP)
    directions = (("text", hits.image_to_text), ("image", hits.text_to_image))
    return {f"{name}@{k}": float(of[:, i].float().mean()) for name, of in directions for i, k in enumerate(TOP)}


def theirs(images: Tensor, texts: Tensor, owners: Tensor) -> Recalls:
    from clip_benchmark.metrics import zeroshot_retrieval

    zeroshot_retrieval.tqdm = lambda batches: batches  # no progress bar
    starts = range(0, len(images), BATCH)
    said = texts.view(len(images), TEXTS, WIDTH)
    batches = [(images[i : i + BATCH], [list(each) for each in said[i : i + BATCH]]) for i in starts]
    towers = SimpleNamespace(encode_image=lambda x: x, encode_text=lambda x: x)
    found = zeroshot_retrieval.evaluate(towers, batches, torch.stack, "cpu", amp=False, recall_k_list=list(TOP))
    return {name.replace("_retrieval_recall", ""): value for name, value in found.items()}


BY: dict[str, Callable[..., Recalls]] = {"pali3kit": ours}
if find_spec("clip_benchmark"):
    BY["CLIP_benchmark"] = theirs


def timed(call: Callable[[], Recalls]) -> tuple[Recalls, float]:
    clock = time.process_time if counts_processor_time() else time.perf_counter
    start = clock()
    found = call()
    return found, clock() - start


def own_peak(name: str, images: int) -> int:
    inputs = embeddings(images, 0)
    BY[name](*embeddings(BATCH, 0))  # a warm-up: libraries allocate at their first use
    return growth(partial(BY[name], *inputs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3600)
    parser.add_argument("--languages", type=int, default=36)
    parser.add_argument("--alone", choices=BY, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(own_peak(arguments.alone, arguments.images))
        return
    print_setup()
    peer = "CLIP_benchmark" in BY
    print(f"clip-benchmark {version('clip-benchmark') if peer else 'is not installed and is left out'}\n")
    seconds: dict[str, list[float]] = {name: [] for name in BY}
    largest, shuffle = 0.0, random.Random(0).shuffle
    for language in range(arguments.languages):
        inputs, found, names = embeddings(arguments.images, language), {}, list(BY)
        shuffle(names)
        for name in names:
            found[name], taken = timed(partial(BY[name], *inputs))
            seconds[name].append(taken)
        differences = [abs(found["pali3kit"][key] - each[key]) for each in found.values() for key in each]
        largest = max(largest, *differences)
    print(f"last language: {found['pali3kit']}\nlargest difference in any of {arguments.languages}: {largest:.1e}\n")
    matrix = arguments.images**2 * TEXTS * 4
    rows = []
    for name in BY:
        peak = peak_of_process(__file__, "--alone", name, "--images", str(arguments.images))
        ratio = paired_ratio(seconds[name], seconds["pali3kit"])
        times = [f"{median(seconds[name]):.2f}", f"{sum(seconds[name]):.0f}", f"{ratio:.2f}"]
        rows.append([name, *times, f"{peak / MIB:.1f}", f"{peak / matrix:.2f}"])
    print(f"{arguments.images} images, {TEXTS} texts each: a matrix of all scores is {matrix / MIB:.1f} MiB\n")
    print_table(["recall", "s, a language", "s, all", "time / ours", "peak MiB", "of the matrix"], rows)


if __name__ == "__main__":
    main()
