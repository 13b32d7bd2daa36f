"""The benchmark of the language model alone."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import NATS, Benchmark, Column

DENOISING = Benchmark(
    name="denoising",
    summary="the language model's loss on held-out text, nats a token, mean of R, S and X (less is better)",
    columns=(Column(title="Held-out loss (less is better)"),),
    unit=NATS,
    lower_is_better=True,
    digits=3,
    scored="loss",
    kind="denoising",
)
