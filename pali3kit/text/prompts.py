"""The prompts of PaLI, carried over to PaLI-3 (paper.md §2.2). The answer takes the place of `<extra_id_0>`.

A `language` is a code such as `en` or `EN`; prompts write it in capitals.
"""

from __future__ import annotations

ANSWER = "<extra_id_0>"


def caption(language: str, position: int = 0, beginning: str = "") -> str:
    """Ask for an alt-text, or for what follows `beginning`, its first `position` characters (SplitCap)."""
    given = f"{beginning} " if beginning else ""
    return f"Generate the alt_text in {language.upper()} at {position}: {given}{ANSWER}"


def ocr(language: str) -> str:
    """Ask for all printed text."""
    return f"Generate the ocr_text in {language.upper()}: {ANSWER}"


def answer(question: str) -> str:
    """Ask a question (VQA, object-aware VQA); the paper's answers are English."""
    return f"Answer in EN: {question} {ANSWER}"


def question_for(answer: str, language: str) -> str:
    """Ask for a question that has this answer (VQG)."""
    return f"Generate a question in {language.upper()} for {answer}: {ANSWER}"


def detect(expression: str) -> str:
    """Ask for the box (and the mask) of what a class name or a referring expression means."""
    return f"detect: {expression} {ANSWER}"
