"""Texts as users give them; errors name the argument."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.errors import DataError


def require_text(text: object, name: str) -> str:
    """The text. Raises DataError for anything else than a str."""
    if not isinstance(text, str):
        raise DataError(f"{name} should be a text, not {type(text).__name__}.")
    return text


def require_texts(texts: object, name: str) -> list[str]:
    """The texts of a list, a tuple or another sequence. Raises DataError for anything else, or an item that is none."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise DataError(f"{name} should be a list of texts, not {type(texts).__name__}.")
    return [require_text(text, f"{name}[{number}]") for number, text in enumerate(texts)]
