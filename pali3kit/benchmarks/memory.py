"""How much memory the image encoder needs."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import COST_BATCH, MEGABYTES, Benchmark, Column

MEMORY = Benchmark(
    name="memory",
    summary="memory of the image encoder's forward pass (less is better)",
    columns=(Column(title="Memory (less is better)"),),
    unit=MEGABYTES,
    lower_is_better=True,
    scored="cost",
    kind="memory",
    setting="Memory: all of the image encoder's weights, those of pooling too, a batch of "
    f"{COST_BATCH} images, and the most bytes of tensors that its forward pass to tokens has at once, in fp32.",
)
