"""The prompts of PaLI, which PaLI-3 keeps (paper.md §2.2). The answer takes the place of `<extra_id_0>`.

A `language` is a code such as `en` or `EN`; prompts write it in capitals.
"""

from __future__ import annotations

ANSWER = "<extra_id_0>"


def for_caption(language: str, position: int = 0, beginning: str = "") -> str:
    """Asks for an alt-text, or for its rest after `beginning`, its first `position` characters (SplitCap)."""
    start = f"{beginning} " if beginning else ""
    return f"Generate the alt_text in {language.upper()} at {position}: {start}{ANSWER}"


def for_ocr(language: str) -> str:
    """Asks for all text in the image."""
    return f"Generate the ocr_text in {language.upper()}: {ANSWER}"


def for_answer(question: str, language: str = "en") -> str:
    """Asks a question (VQA, object-aware VQA). Tasks ask for English answers alone, as in the paper."""
    return f"Answer in {language.upper()}: {question} {ANSWER}"


def for_question(answer: str, language: str) -> str:
    """Asks for a question that has this answer (VQG)."""
    return f"Generate a question in {language.upper()} for {answer}: {ANSWER}"


def for_region(expression: str) -> str:
    """Asks for the box (and the mask) of an object, by class name or referring expression."""
    return f"detect: {expression} {ANSWER}"


def with_words(prompt: str, words: str) -> str:
    """A prompt followed by the words of an OCR system (Table 2). PaLI-3's own form is not known: this one is ours."""
    return f"{prompt} {words}"
