"""The generative columns of Table 1: which test examples each is measured on, and how."""

from __future__ import annotations

from pali3kit.data.source import Source
from pali3kit.data.task import Example, held_out

EXPRESSIONS = {"refer": "refer_only", "refer_plus": "refer_plus_only", "refer_g": "refer_g_only"}
SEED = 0  # a test set is one test set, whatever the seed of the training


def column_examples(source: Source, column: str, bins: int, count: int, limit: int) -> list[Example]:
    """Up to `limit` examples of a column over the first `count` test pictures.

    The multilingual column asks for each of its pictures in every language, as Crossmodal-3600 does, and takes twice
    the limit, since each language is scored by itself.
    """
    if column != "caption_multilingual":
        return held_out(source.task(EXPRESSIONS.get(column, column), bins), "test", count, limit, SEED)
    languages = source.languages
    images = min(count, max(2, 2 * limit // len(languages)))
    tasks = [source.task(f"caption_{language}", bins) for language in languages]
    return [example for task in tasks for example in held_out(task, "test", images, images, SEED)]
