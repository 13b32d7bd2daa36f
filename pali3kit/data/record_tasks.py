"""The tasks on records of any file: captions, printed words, questions, objects, regions (prompts: paper.md §2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from pali3kit.data.record import Asked, Record, Thing, Word
from pali3kit.data.task import Example
from pali3kit.errors import DataError, RegistryError, choose
from pali3kit.images.decode import read_size
from pali3kit.masks.codec import RegionFormat
from pali3kit.text import prompts
from pali3kit.text.denoise import corrupt_spans
from pali3kit.text.splitcap import split_caption

Draw = Callable[[Record, np.random.Generator], Example | None]


def draw_of(name: str, bins: int, classes: Sequence[str], words: int) -> Draw:
    """The function that makes examples of a task: from a record, or None where the record has none.

    The images of its examples are `(0,)`, or empty for a task about text alone; the source fills in their numbers.

    Args:
        name: the task.
        bins: steps that box coordinates are written in.
        classes: those that questions about absent things may name.
        words: the most printed words that the task ocr asks for.

    Raises:
        RegistryError: there is no such task.
    """
    draws: dict[str, Draw] = {
        "splitcap": _splitcap,
        "span_corruption": _spans,
        "caption": partial(_caption, language="en"),
        "caption_multilingual": partial(_caption, language=None),
        "ocr": partial(_ocr, most=words),
        "vqa": _answer,
        "vqg": _question,
        "object_vqa": partial(_objects, classes=classes),
        "detect": partial(_detect, bins=bins),
        "refer": partial(_refer, bins=bins),
        "instance": partial(_instance, bins=bins),
        "describe": _describe,
    }
    if name not in draws and name.startswith("caption_"):
        return partial(_caption, language=name.removeprefix("caption_"))
    if name not in draws:
        raise RegistryError(f"records of files have no task {name!r}.{choose(name, draws)}")
    return draws[name]


def raster(words: Sequence[Word]) -> list[Word]:
    """Words line by line, from left to right; in their given order where a box is missing.

    Words are taken by the height of their centres. One whose centre is above the bottom of a line's first word belongs
    to that line.
    """
    if any(word.box is None for word in words):
        return list(words)
    lines: list[list[Word]] = []
    bottom = -np.inf
    for word in sorted(words, key=_middle):
        if not lines or _middle(word) >= bottom:
            lines.append([])
            bottom = _box(word)[2]
        lines[-1].append(word)
    return [word for line in lines for word in sorted(line, key=lambda word: _box(word)[1])]


def _box(word: Word) -> tuple[int, int, int, int]:
    assert word.box is not None
    return word.box


def _middle(word: Word) -> float:
    return (_box(word)[0] + _box(word)[2]) / 2


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _splitcap(record: Record, rng: np.random.Generator) -> Example | None:
    """Split a caption of any language into prompt and target. Languages are equally likely, captions within one too."""
    if not (languages := _languages(record)):
        return None
    language = _pick(languages, rng)
    prompt, target = split_caption(_pick(record.captions[language], rng), language, rng)
    return Example((0,), prompt, target, language=language)


def _spans(record: Record, rng: np.random.Generator) -> Example | None:
    """Denoise the corrupted spans of a caption, without an image."""
    if not (languages := _languages(record)):
        return None
    language = _pick(languages, rng)
    corrupted = corrupt_spans(_pick(record.captions[language], rng), rng)
    return Example((), *corrupted, language=language) if corrupted else None


def _caption(record: Record, rng: np.random.Generator, language: str | None) -> Example | None:
    """A caption in `language`, or in any."""
    if record.hidden and language in (None, "en"):
        return Example((0,), prompts.for_caption("en"), "", id=record.id, hidden=True)
    languages = [known for known in _languages(record) if language in (None, known)]
    if not languages:
        return None
    chosen = _pick(languages, rng)
    captions = tuple(record.captions[chosen])
    return Example((0,), prompts.for_caption(chosen), _pick(captions, rng), captions, chosen, id=record.id)


def _describe(record: Record, rng: np.random.Generator) -> Example:
    """Any caption in English, of an image that has none to compare it with."""
    return Example((0,), prompts.for_caption("en"), "", id=record.id, free=True)


def _languages(record: Record) -> list[str]:
    return [language for language, captions in record.captions.items() if captions]


def _ocr(record: Record, rng: np.random.Generator, most: int) -> Example | None:
    """Read the printed words in raster order. Of too many, random ones are left out, as in PaliGemma."""
    snippets = raster([word for word in record.words if word.text.strip()])
    kept, room = set(), most
    for number in rng.permutation(len(snippets)):
        length = len(snippets[number].text.split())
        if length <= room:
            kept.add(int(number))
            room -= length
    if snippets and not kept:
        raise DataError(f"{record.name}: its printed texts are longer than {most} words each")
    text = " ".join(" ".join(snippets[number].text.split()) for number in sorted(kept))
    return Example((0,), prompts.for_ocr("EN"), text, (text,)) if text else None


def _asked(record: Record, rng: np.random.Generator, hidden: bool = False) -> Asked | None:
    """A question with an answer or, if asked for, with a hidden one."""
    asked = [each for each in record.questions if each.text.strip() and (each.answer or (hidden and each.hidden))]
    return asked[int(rng.integers(len(asked)))] if asked else None


def _answer(record: Record, rng: np.random.Generator) -> Example | None:
    """Answer a question in any language: the target is the most frequent answer, the references are all."""
    asked = _asked(record, rng, hidden=True)
    if asked is None:
        return None
    return Example(
        (0,),
        prompts.for_answer(asked.text),
        asked.answer,
        asked.answers,
        asked.language,
        group=asked.group,
        id=asked.id,
        hidden=asked.hidden,
    )


def _question(record: Record, rng: np.random.Generator) -> Example | None:
    question = _asked(record, rng)
    if question is None:
        return None
    prompt = prompts.for_question(question.answer, question.language)
    return Example((0,), prompt, question.text, (question.text,), question.language)


def _objects(record: Record, rng: np.random.Generator, classes: Sequence[str]) -> Example | None:
    """List the objects, say whether a class is present, or which of some are; the first where no class is absent."""
    present = sorted({thing.label for thing in record.things})
    absent = [label for label in classes if label not in present and label not in record.labels]
    if not present:
        return None
    form = int(rng.integers(3)) if absent else 0
    if form == 0:
        return _example("what objects are in the image?", ", ".join(present))
    if form == 1:
        there = bool(rng.integers(2))
        return _example(f"is {_pick(present if there else absent, rng)} in the image?", "yes" if there else "no")
    named = [*_some(present, 2, rng), *_some(absent, 1 + int(rng.integers(2)), rng)]
    asked = [named[number] for number in rng.permutation(len(named))]
    answer = ", ".join(label for label in asked if label in present)
    return _example(f"which of {', '.join(asked)} are in the image?", answer)


def _some(choices: Sequence[str], most: int, rng: np.random.Generator) -> list[str]:
    return [choices[number] for number in rng.permutation(len(choices))[:most]]


def _example(question: str, answer: str) -> Example:
    return Example((0,), prompts.for_answer(question), answer, (answer,))


def _detect(record: Record, rng: np.random.Generator, bins: int) -> Example | None:
    """All boxes of one class in raster order, each with its name. Classes with a crowd lack boxes and are left out."""
    crowds = {thing.label for thing in record.things if thing.crowd}
    whole: list[Thing] = [thing for thing in record.things if thing.label not in crowds]
    if not whole:
        return None
    label = _pick(sorted({thing.label for thing in whole}), rng)
    height, width = record.size or read_size(record.read_image(), record.name, upright=not record.stored)
    boxes = sorted(thing.box for thing in whole if thing.label == label)
    target = " ; ".join(f"{RegionFormat(bins).write_box(box, height, width)} {label}" for box in boxes)
    return Example((0,), prompts.for_region(label), target, (target,))


def _refer(record: Record, rng: np.random.Generator, bins: int) -> Example | None:
    """Find what an expression refers to: the target is its box, to which mask tokens are appended later."""
    return _region(record, [thing for thing in record.things if thing.expressions], rng, bins)


def _instance(record: Record, rng: np.random.Generator, bins: int) -> Example | None:
    """Any single thing by its class: an ambiguous question, but a mask to train the mask tokenizer on."""
    return _region(record, [thing for thing in record.things if not thing.crowd], rng, bins)


def _region(record: Record, things: Sequence[Thing], rng: np.random.Generator, bins: int) -> Example | None:
    masked = [thing for thing in things if thing.mask is not None]
    if not masked:
        return None
    thing = masked[int(rng.integers(len(masked)))]
    assert thing.mask is not None
    mask = thing.mask()
    if not mask.any():
        raise DataError(f"{record.name}: the mask of a {thing.label} is empty")
    height, width = mask.shape
    target = RegionFormat(bins).write_box(thing.box, height, width)
    expression = _pick(thing.expressions or (thing.label,), rng)
    return Example((0,), prompts.for_region(expression), target, (target,), box=thing.box, mask=mask)
