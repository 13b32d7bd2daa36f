"""ST-VQA: questions about the words in scenes (Biten et al. 2019).

Its test answers are not public, and it has no validation split: it is measured on a tenth of the training
images, which the transfer leaves out. big_vision holds out other ones.
"""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import ANLS, Benchmark, Column, Embedded, PublicSet, Submission

STVQA = Benchmark(
    name="stvqa",
    summary="answered by the words in scenes: ANLS (paper: ST-VQA)",
    columns=(Column(title="{set}"),),
    unit=ANLS,
    submission=Submission(key="question_id"),
    ocr=True,
    metric="anls",
    embedded=Embedded(source="pages", task="sign.vqa"),
    public=(
        PublicSet(
            title="ST-VQA (1/10 of train)",
            component="vqa",
            paths=(
                ("path", "stvqa/train_task_3.json"),
                ("images", "stvqa/train_images"),
                ("test", "stvqa/train_task_3.json"),
            ),
            options=(("hold_out", 10),),
            task="vqa",
        ),
    ),
)
