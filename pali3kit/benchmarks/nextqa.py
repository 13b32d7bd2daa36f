"""NExT-QA's open-ended questions (Xiao et al. 2021)."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import WUPS, Benchmark, Column, PublicSet

NEXTQA = Benchmark(
    name="nextqa",
    summary="open-ended questions about videos: WUPS@0 (paper: NExT-QA)",
    columns=(Column(title="{set}"),),
    unit=WUPS,
    metric="wups",
    public=(
        PublicSet(
            title="NExT-QA (test)",
            component="nextqa",
            paths=(
                ("path", "nextqa/train.csv"),
                ("videos", "nextqa/videos"),
                ("test", "nextqa/test.csv"),
                ("test_second", "nextqa/add_reference_answer_test.json"),
            ),
            task="vqa",
        ),
    ),
    right_or_wrong=False,
    setting="WUPS: lemmas by Morphy without a tagger, first synsets of WordNet; counts and yes or no by equality.",
)
