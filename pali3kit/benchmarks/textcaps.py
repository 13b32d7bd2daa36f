"""TextCaps (Sidorov et al. 2020) on TextVQA's images, measured on val: the test captions are not public."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, Embedded, PublicSet, Submission

TEXTCAPS = Benchmark(
    name="textcaps",
    summary="captions that tell what is written, 5 references: CIDEr (paper: TextCaps)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    submission=Submission(key="image_id", text="caption", numbers=False),
    ocr=True,
    metric="cider",
    embedded=Embedded(source="pages", task="sign.caption"),
    public=(
        PublicSet(
            title="TextCaps (val)",
            component="coco_captions",
            paths=(
                ("path", "textcaps/TextCaps_0.1_train.json"),
                ("images", "textvqa/train_images"),
                ("test", "textcaps/TextCaps_0.1_val.json"),
            ),
            task="caption",
            ocr=(
                ("ocr", "textvqa/TextVQA_Rosetta_OCR_v0.2_train.json"),
                ("test_ocr", "textvqa/TextVQA_Rosetta_OCR_v0.2_val.json"),
            ),
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
