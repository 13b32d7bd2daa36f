"""A record: one image, or several that belong together, with their annotations, whatever file format they come from.

Texts are normalised here for all readers: put on one line, without unpaired surrogates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL.Image import Image

from pali3kit.data.task import Box
from pali3kit.text.plain import one_line


def nonblank_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text on one line, blank ones left out."""
    return tuple(filter(None, map(one_line, texts)))


@dataclass(frozen=True, slots=True)
class Word:
    """Text printed in the image, one word or line, and its box in pixels where that is known."""

    text: str
    box: Box | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about the image and the answers of its annotators, the most frequent first.

    Metrics count empty answers as annotators; the first answer that is not empty is the target of training. `group` is
    the part of the data set that the question belongs to, if scores are told by part ("human", "simple"). `id` is its
    number or name in the data set, if it has one. `hidden`: its answers are not public, as those of a server's test.
    """

    text: str
    answers: tuple[str, ...]
    language: str = "en"
    group: str = ""
    id: int | str | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))
        object.__setattr__(self, "answers", tuple(map(one_line, self.answers)))

    @property
    def answer(self) -> str:
        """The most frequent answer that is not empty; an empty text if there is none."""
        return next(filter(str.strip, self.answers), "")


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: its class, box in pixels, a function that makes its mask (bool `[H,W]`), and referring expressions.

    `crowd` marks a region of many objects, as COCO does: it is not used as an example of one.
    """

    label: str
    box: Box
    mask: Callable[[], np.ndarray] | None = None
    expressions: tuple[str, ...] = ()
    crowd: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", one_line(self.label))
        object.__setattr__(self, "expressions", nonblank_lines(self.expressions))


@dataclass(frozen=True, slots=True)
class Record:
    """What a reader knows of an image, or of several.

    Blank captions and expressions are left out, and languages without a caption.

    Attributes:
        name: what errors call it.
        read_image: reads the file of its image, the first of several.
        size: (height, width) in pixels of the image that the boxes are drawn on, where a file tells it: it decides
            whether boxes refer to the image as it is stored or as its EXIF rotates it. Without it they refer to the
            image as it is shown.
        captions: by language code ("en").
        things, words: their boxes are (y0, x0, y1, x1), half open; they refer to the only image.
        labels: classes of the whole image, whose objects are not marked.
        stored: boxes refer to the image as it is stored, whatever its EXIF says: some publishers do so.
        more_images: read the files of the images after the first.
        id: number or name of the image in the data set, if it has one.
        hidden: its captions, in English, are not public, as those of a server's test.
        read_ocr: reads the words that an OCR system found in the image, where they are published with the data set.
            Unlike `words` they may be wrong, and no task asks for them.
        attributes: what is known of the record beside its annotations, by which scores may be sliced, by name. Blank
            values, which are unknown, are left out.
        edit: what is done to the decoded image before anything sees it: letters or a box are drawn on it, or it is
            turned. Raises DataError. Not for records with boxes.
    """

    name: str
    read_image: Callable[[], bytes]
    size: tuple[int, int] | None = None
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[Word, ...] = ()
    questions: tuple[Asked, ...] = ()
    things: tuple[Thing, ...] = ()
    stored: bool = False
    more_images: tuple[Callable[[], bytes], ...] = ()
    labels: tuple[str, ...] = ()
    id: int | str | None = None
    hidden: bool = False
    read_ocr: Callable[[], tuple[Word, ...]] | None = None
    edit: Callable[[Image], Image] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nonblank = {language: nonblank_lines(texts) for language, texts in self.captions.items()}
        object.__setattr__(self, "captions", {language: texts for language, texts in nonblank.items() if texts})
        object.__setattr__(self, "labels", nonblank_lines(self.labels))
        known = {name: one_line(value) for name, value in self.attributes.items()}
        object.__setattr__(self, "attributes", {name: value for name, value in known.items() if value.strip()})

    @property
    def images(self) -> tuple[Callable[[], bytes], ...]:
        """What reads the files of its images, in order."""
        return (self.read_image, *self.more_images)

    @property
    def drawn_on(self) -> tuple[int, int] | None:
        """The size that the image must have for its boxes to fit; None where it has no boxes or its size is unknown."""
        return self.size if self.things or any(word.box for word in self.words) else None
