"""The tasks of stage 1 and of transfers, by the names that mixtures have for them."""

from __future__ import annotations

from pali3kit import registry

for _name, _summary in {
    "splitcap": "the rest of an alt-text from its beginning",
    "span_corruption": "the missing words of an alt-text, without its picture",
    "caption": "an English alt-text of the scene",
    "caption_multilingual": "an alt-text in one of 36 languages",
    "ocr": "the printed words, in raster order",
    "vqa": "an answer to a question on the scene",
    "vqg": "a question to an answer",
    "object_vqa": "which of some objects are there",
    "detect": "box and class of the objects asked for",
    "refer": "box and mask of the thing that an expression means",
    "vqa_knowledge": "an answer that needs knowledge of an object",
    "vqa_text": "an answer that is printed in the picture",
}.items():
    registry.TASK.add(_name, "pali3kit.data.world.tasks:WorldTask", summary=_summary)
