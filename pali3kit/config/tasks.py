"""The tasks of stage 1 and of transfers, by the names that mixtures have for them."""

from __future__ import annotations

TASKS = (
    "caption",  # an English alt-text of the scene
    "caption_multilingual",  # an alt-text in one of 36 languages
    "detect",  # box and class of the objects asked for
    "object_vqa",  # which of some objects are there
    "ocr",  # the printed words, in raster order
    "refer",  # box and mask of the thing that an expression means
    "span_corruption",  # the missing words of an alt-text, without its image
    "splitcap",  # the rest of an alt-text from its beginning
    "vqa",  # an answer to a question on the scene
    "vqa_knowledge",  # an answer that needs knowledge of an object
    "vqa_text",  # an answer that is printed in the image
    "vqg",  # a question to an answer
)
"""A source offers those of them that its records have the annotations for (`available_tasks`)."""
