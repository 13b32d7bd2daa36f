"""Visual questions: VQAv2, OKVQA, TextVQA. Their test servers' answers are not public: all are measured on val, VQAv2
also on its last 10,240 questions (`test_split: minival`), with the others to train on, as big_vision does.
"""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import VQA, Benchmark, Column, Embedded, PublicSet, Submission


def _on_coco(title: str, questions: str, annotations: str) -> PublicSet:
    """Questions on COCO's images, in the two files that each split of VQAv2 and OKVQA has."""
    return PublicSet(
        title=title,
        component="vqa",
        paths=(
            ("path", questions.format(split="train2014")),
            ("annotations", annotations.format(split="train2014")),
            ("images", "coco"),
            ("test", questions.format(split="val2014")),
            ("test_annotations", annotations.format(split="val2014")),
        ),
        task="vqa",
    )


VQAV2 = Benchmark(
    name="vqav2",
    summary="objects, colours, counts, yes or no: VQA accuracy (paper: VQAv2)",
    columns=(Column(title="{set}"),),
    unit=VQA,
    submission=Submission(key="question_id"),
    metric="vqa_accuracy",
    task="vqa",
    public=(
        _on_coco(
            "VQAv2 ({test_split})",
            "vqav2/v2_OpenEnded_mscoco_{split}_questions.json",
            "vqav2/v2_mscoco_{split}_annotations.json",
        ),
    ),
)
OKVQA = Benchmark(
    name="okvqa",
    summary="what one must know of an object: VQA accuracy (paper: OKVQA)",
    columns=(Column(title="{set}"),),
    unit=VQA,
    metric="vqa_accuracy",
    task="vqa_knowledge",
    public=(
        _on_coco(
            "OKVQA (val)",
            "okvqa/OpenEnded_mscoco_{split}_questions.json",
            "okvqa/mscoco_{split}_annotations.json",
        ),
    ),
)
TEXTVQA = Benchmark(
    name="textvqa",
    summary="answered by the printed words: VQA accuracy (paper: TextVQA)",
    columns=(Column(title="{set}"),),
    unit=VQA,
    submission=Submission(key="question_id"),
    metric="vqa_accuracy",
    task="vqa_text",
    embedded=Embedded(source="pages", task="sign.vqa"),  # where it shares a transfer with others on pages
    ocr=True,
    public=(
        PublicSet(
            title="TextVQA (val)",
            component="vqa",
            paths=(
                ("path", "textvqa/TextVQA_0.5.1_train.json"),
                ("images", "textvqa/train_images"),
                ("test", "textvqa/TextVQA_0.5.1_val.json"),
            ),
            task="vqa",
            ocr=(
                ("ocr", "textvqa/TextVQA_Rosetta_OCR_v0.2_train.json"),
                ("test_ocr", "textvqa/TextVQA_Rosetta_OCR_v0.2_val.json"),
            ),
        ),
    ),
)
