"""How fast the image encoder is."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import COST_BATCH, IMAGES_PER_SECOND, Benchmark, Column

THROUGHPUT = Benchmark(
    name="throughput",
    summary="images per second of the image encoder's forward pass, on this machine",
    columns=(Column(title="Throughput"),),
    unit=IMAGES_PER_SECOND,
    digits=0,
    scored="cost",
    kind="throughput",
    setting=f"Throughput: the image encoder's forward pass to tokens, on batches of {COST_BATCH} images that are in "
    "memory, the fastest of up to 20; on a CPU that of one core, by processor time.",
)
