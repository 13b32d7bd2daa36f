"""Tiny sets in the layouts of those of Tables 2 and 4: four images to train on and four to test on, three captions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

TRAIN, TEST = (1, 2, 3, 4), (5, 6, 7, 8)
WORDS = ("STOP", "here", "4711", "Total", "$12.50")


def write_public_sets(root: Path, images: bool = True) -> None:
    """Write all sets of Tables 2 and 4 below a root; without `images`, empty files in their place."""
    for write in (_textvqa, _stvqa, _ocrvqa, _infovqa, _docvqa, _ai2d, _chartqa, _rico, _coco, _tallyqa):
        for name, content in write().items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                file.write_text(content, encoding="utf-8")
            elif isinstance(content, int) and images:
                Image.new("RGB", (64, 48), (30 * content, 255 - 30 * content, 128)).save(file)
            elif isinstance(content, int):
                file.touch()
            else:
                file.write_text(json.dumps(content), encoding="utf-8")


def caption(number: int, which: int) -> str:
    return f"{('a sign', 'a red sign', 'the sign')[which]} says {WORDS[number % 5]} {number}"


def _question(number: int) -> str:
    return f"what is written on sign {number}?"


def _answer(number: int) -> str:
    return WORDS[number % 5].lower()


def _box(number: int, names: Sequence[str]) -> dict[str, float]:
    """A relative box; the next number's is to the left of it, on the same line."""
    return dict(zip(names, (0.8 - 0.15 * number, 0.1, 0.1, 0.1), strict=True))


def _rosetta(numbers: Sequence[int]) -> dict[str, Any]:
    sides = ("top_left_x", "top_left_y", "width", "height")
    return {"data": [
        {"image_id": f"img{number}", "ocr_tokens": [*WORDS], "ocr_info": [
            {"word": word, "bounding_box": {**_box(place, sides), **dict.fromkeys(("rotation", "roll", "yaw"), 0.0)}}
            for place, word in enumerate(WORDS)
        ]} for number in numbers
    ]}  # fmt: skip


def _textvqa() -> Mapping[str, Any]:
    files: dict[str, Any] = {f"textvqa/train_images/img{number}.jpg": number for number in TRAIN + TEST}
    for split, numbers in (("train", TRAIN), ("val", TEST)):
        files[f"textvqa/TextVQA_0.5.1_{split}.json"] = {"data": [
            {"question_id": number, "question": _question(number), "image_id": f"img{number}",
             "answers": [_answer(number)] * 9 + ["unanswerable"]} for number in numbers
        ]}  # fmt: skip
        files[f"textvqa/TextVQA_Rosetta_OCR_v0.2_{split}.json"] = _rosetta(numbers)
        files[f"textcaps/TextCaps_0.1_{split}.json"] = {"dataset_name": "textcaps", "dataset_type": split, "data": [
            {"image_id": f"img{number}", "caption_id": which, "caption_str": caption(number, which)}
            for number in numbers for which in range(3)
        ]}  # fmt: skip
    return files


def _stvqa() -> Mapping[str, Any]:
    names = {number: f"coco-text/COCO_train2014_{number:012}.jpg" for number in range(1, 31)}  # a tenth is held out
    data = [
        {"question_id": number, "question": _question(number), "answers": [_answer(number)], "file_path": name}
        for number, name in names.items()
    ]
    return {"stvqa/train_task_3.json": {"data": data}} | {
        f"stvqa/train_images/{name}": number % 8 for number, name in names.items()
    }


def _ocrvqa() -> Mapping[str, Any]:
    books = {
        f"{number:010}": {"imageURL": "http://x/i.jpg", "title": "My Life", "split": 1 if number in TRAIN else 3,
                          "questions": ["Who wrote this book?", "Is this a comics book?"], "answers": ["A. Bee", "No"]}
        for number in TRAIN + TEST
    }  # fmt: skip
    return {"ocrvqa/dataset.json": books} | {f"ocrvqa/images/{n:010}.jpg": n for n in TRAIN + TEST}


def _infovqa() -> Mapping[str, Any]:
    files: dict[str, Any] = {}
    sides = ("Left", "Top", "Width", "Height")
    for split, numbers in (("train_v1.0", TRAIN), ("val_v1.0_withQT", TEST)):
        files[f"infovqa/infographicsVQA_{split}.json"] = {"dataset_name": "infographicVQA", "data": [
            {"questionId": number, "question": _question(number), "image_local_name": f"{number}.jpeg",
             "ocr_output_file": f"{number}.json", "answers": [_answer(number)]} for number in numbers
        ]}  # fmt: skip
    for number in TRAIN + TEST:
        files[f"infovqa/images/{number}.jpeg"] = number
        files[f"infovqa/ocr/{number}.json"] = {"PAGE": [], "LINE": [], "WORD": [
            {"Text": word, "Confidence": 99.0, "Geometry": {"BoundingBox": _box(place, sides)}}
            for place, word in enumerate(WORDS)
        ]}  # fmt: skip
    return files


def _docvqa() -> Mapping[str, Any]:
    files: dict[str, Any] = {}
    for split, numbers in (("train", TRAIN), ("val", TEST)):
        files[f"docvqa/{split}_v1.0_withQT.json"] = {"dataset_name": "docvqa", "data": [
            {"questionId": number, "question": _question(number), "image": f"documents/abcd{number:04}_1.png",
             "docId": number, "ucsf_document_id": f"abcd{number:04}", "ucsf_document_page_no": "1",
             "answers": [_answer(number)]} for number in numbers
        ]}  # fmt: skip
        for number in numbers:
            files[f"docvqa/{split}/documents/abcd{number:04}_1.png"] = number
            lines = [
                {"text": word, "boundingBox": corners, "words": [{"text": word, "boundingBox": corners}]}
                for place, word in enumerate(WORDS)
                for left in [500 - 100 * place] for corners in [[left, 20, left + 80, 20, left + 80, 60, left, 60]]
            ]  # fmt: skip
            result = {"page": 1, "width": 640, "height": 480, "unit": "pixel", "lines": lines}
            files[f"docvqa/{split}/ocr_results/abcd{number:04}_1.json"] = {
                "status": "Succeeded", "recognitionResults": [result],
            }  # fmt: skip
    return files


def _ai2d() -> Mapping[str, Any]:
    files: dict[str, Any] = {"ai2d_test_ids.csv": "\n".join(map(str, TEST))}
    for number in TRAIN + TEST:
        question = {"questionId": f"{number}.png-1", "answerTexts": ["fox", "hare", "cat", "dog"], "correctAnswer": 1}
        label = {"rectangle": [[5, 5], [30, 20]], "value": "rabbit", "replacementText": "B"}
        files[f"ai2d/images/{number}.png"] = number
        files[f"ai2d/annotations/{number}.png.json"] = {"text": {"T0": label}}
        files[f"ai2d/questions/{number}.png.json"] = {
            "imageName": f"{number}.png",
            "questions": {"What eats grass?": {**question, "abcLabel": number % 2 == 0}},
        }
    return files


def _chartqa() -> Mapping[str, Any]:
    files: dict[str, Any] = {}
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        for part in ("human", "augmented"):
            files[f"ChartQA Dataset/{split}/{split}_{part}.json"] = [
                {"imgname": f"{number}.png", "query": f"what is bar {number} of {part}?", "label": f"{10 * number}"}
                for number in numbers
            ]
        files |= {f"ChartQA Dataset/{split}/png/{number}.png": number for number in numbers}
    return files


def _rico() -> Mapping[str, Any]:
    summaries = [f"{number},{caption(number, which)}" for number in TRAIN + TEST for which in range(3)]
    widgets = [f"rico,{number},0.0,{caption(number, 0)}|{caption(number, 1)}" for number in TRAIN + TEST]
    root = {"bounds": [0, 0, 1440, 2560], "children": [{"bounds": [0, 84, 1440, 280], "children": []}]}
    files: dict[str, Any] = {
        "screen2words/screen_summaries.csv": "\n".join(["screenId,summary", *summaries]) + "\n",
        "widget-caption/widget_captions.csv": "\n".join(["datasetId,screenId,nodeId,captions", *widgets]) + "\n",
    }
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        lines = "\n".join(map(str, numbers)) + "\n"
        files[f"screen2words/split/{split}_screens.txt"] = files[f"widget-caption/split/{split}.txt"] = lines
    for number in TRAIN + TEST:
        files[f"rico/combined/{number}.jpg"] = number
        files[f"rico/combined/{number}.json"] = {"activity": {"root": root}}
    return files


def _coco() -> Mapping[str, Any]:
    images = [
        {"filepath": "val2014", "filename": f"COCO_val2014_{number:012}.jpg", "cocoid": number,
         "split": "train" if number in TRAIN else "test",
         "sentences": [{"raw": caption(number, which)} for which in range(3)]} for number in TRAIN + TEST
    ]  # fmt: skip
    files: dict[str, Any] = {"coco/dataset_coco.json": {"dataset": "coco", "images": images}}
    files |= {f"coco/val2014/COCO_val2014_{number:012}.jpg": number for number in TRAIN + TEST}
    files |= {f"coco/train2014/COCO_train2014_{number:012}.jpg": number for number in TRAIN}
    for split, numbers in (("train2014", TRAIN), ("val2014", TEST)):
        questions = {"data_subtype": split, "questions": [
            {"question_id": number, "image_id": number, "question": _question(number)} for number in numbers
        ]}  # fmt: skip
        annotations = {"annotations": [
            {"question_id": number, "image_id": number, "answers": [{"answer": _answer(number)}] * 10}
            for number in numbers
        ]}  # fmt: skip
        files[f"vqav2/v2_OpenEnded_mscoco_{split}_questions.json"] = questions
        files[f"vqav2/v2_mscoco_{split}_annotations.json"] = annotations
        files[f"okvqa/OpenEnded_mscoco_{split}_questions.json"] = questions
        files[f"okvqa/mscoco_{split}_annotations.json"] = annotations
    return files


def _tallyqa() -> Mapping[str, Any]:
    files: dict[str, Any] = {f"tallyqa/VG_100K/{number}.jpg": number for number in TRAIN + TEST}
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        files[f"tallyqa/{split}.json"] = [
            {"image": f"VG_100K/{number}.jpg", "image_id": number, "question": "How many cats?", "question_id": number,
             "answer": number, **({"issimple": number % 2 == 0} if split == "test" else {})} for number in numbers
        ]  # fmt: skip
    return files
