"""CelebA (Liu et al. 2015): demographic parity of occupations (paper: in the text with Tables 7 and 8).

The method is recalled (benchmarks.md §7.2), and the list of occupations is ours.
"""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import NATS, Benchmark, Column, PublicSet

CELEBA = Benchmark(
    name="celeba",
    summary="gap of the log-perplexity of occupations between images of women and men (paper: CelebA)",
    columns=(Column(title="{set} (gap)"),),
    unit=NATS,
    digits=3,
    metric="log_perplexity_gap",
    task="caption",
    public=(
        PublicSet(
            title="CelebA (test)",
            component="celeba",
            paths=(
                ("path", "celeba/list_attr_celeba.txt"),
                ("images", "celeba/img_align_celeba"),
                ("partition", "celeba/list_eval_partition.txt"),
            ),
            task="describe",
        ),
    ),
    fewest=4,
    right_or_wrong=False,
    answered_by="coco",
    parity=True,
)
