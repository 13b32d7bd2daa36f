"""The generative columns of Table 1: which test examples each is measured on, and how."""

from __future__ import annotations

from pali3kit.data.source import Source
from pali3kit.data.task import Example, held_out

EXPRESSIONS = {"refer": "refer_only", "refer_plus": "refer_plus_only", "refer_g": "refer_g_only"}
SEED = 0  # a test set is one test set, whatever the seed of the training


def column_examples(
    source: Source,
    column: str,
    bins: int,
    count: int,
    limit: int,
    task: str = "",
    split: str = "test",
    start: int = 0,
) -> list[Example]:
    """Up to `limit` examples of a column over the pictures from `start` to `count`; `task` is the source's, where it
    has another name than the column. Of the train split expressions are those that are trained on, of all kinds.

    The multilingual column asks for each of its pictures in every language, as Crossmodal-3600 does. English, which is
    a column of its own, has `limit` pictures; the others, which are averaged, share twice the limit.
    """
    part, dot, name = (task or column).rpartition(".")
    if column != "caption_multilingual":
        name = EXPRESSIONS.get(name, name) if split == "test" else name
        return held_out(source.task(part + dot + name, bins), split, count, limit, SEED, start)
    examples: list[Example] = []
    for language in source.languages:
        pictures = limit if language == "en" else max(2, 2 * limit // len(source.languages))
        examples += held_out(source.task(f"{part}{dot}caption_{language}", bins), split, count, pictures, SEED, start)
    return examples


def count_examples(column: str, count: int, limit: int, languages: int) -> int:
    """How many these are, where every picture offers one."""
    if column != "caption_multilingual":
        return min(count, limit)
    return min(count, limit) + (languages - 1) * min(count, max(2, 2 * limit // languages))
