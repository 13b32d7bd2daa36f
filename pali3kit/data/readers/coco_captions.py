"""Captions: Karpathy's split, COCO's own files, TextCaps, and the translations of COCO's into 35 languages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, nonblank, read_json, read_json_lines
from pali3kit.data.lines import find_files
from pali3kit.data.reader import existing, picture_in
from pali3kit.data.readers.coco import Id, by_id, coco_files, identity, on_pictures, size_of
from pali3kit.data.readers.left_out import LeavingOut, Located, good, usable
from pali3kit.data.record import Record
from pali3kit.errors import DataError, choose
from pali3kit.images.decode import Size
from pali3kit.registry import SOURCE

SPLITS = {"train": ("train", "restval"), "test": ("test",)}
KNOWN = ("train", "restval", "val", "test")
BLANK = "a blank caption"
UNFIT = {"is_rejected": "a rejected caption", "is_precanned": "a precanned caption"}  # VizWiz's: they describe nothing


class _Known(NamedTuple):
    """A picture, its place and its English captions; `number` is COCO's, where the file tells it."""

    where: str
    name: str
    number: Id | None
    file: str
    size: Size | None
    captions: tuple[str, ...]


class CocoCaptionsReader(LeavingOut):
    """Pictures with captions of one of three formats, told apart by their fields:

    - Karpathy's `dataset_coco.json`, `dataset_flickr30k.json`, `dataset_flickr8k.json`: `images[]: filename, split,
      sentences[]: raw`, of COCO also `cocoid, filepath`; train is its train and restval.
    - COCO's `captions_*.json`, NoCaps', VizWiz': `images[]: id, file_name`, perhaps `height, width`, `annotations[]:
      image_id, caption`. What VizWiz marks as rejected or precanned is no caption.
    - TextCaps: `data[]: image_id, caption_str`, an entry for each caption, perhaps `image_path`.

    Pictures are in `images`, by their name or in the folder that `filepath` says. Blank captions are none.

    Translations (Crossmodal-3600's COCO-35L, `coco_mt_train.jsonl.bz2`, on each line `image_id` (`<coco id>_<number>`),
    `trg_lang`, `translation_tokenized`) add captions to the pictures they are of.
    """

    version = 2

    def __init__(self, path: str, images: str, split: str, translations: str | None = None) -> None:
        translated = find_files(translations, ".jsonl.bz2") if translations else ()
        super().__init__(existing(path), *translated)
        self.path, self.images, self.split = self.files[0], existing(images, "folder"), split
        self.translated: Sequence[Path] = translated

    @cached_property
    def pictures(self) -> list[_Known | DataError]:
        """The pictures of the split that have a caption, or what is wrong with one."""
        content = mapping(read_json(self.path), str(self.path))
        by_field = {"annotations": self._coco, "data": self._textcaps}
        read = next((read for field, read in by_field.items() if field in content), self._karpathy)
        pictures = [picture for picture in read(content) if isinstance(picture, DataError) or picture.captions]
        return usable(pictures, f"{self.path}: no picture with a caption in the {self.split} split")

    def _karpathy(self, content: Mapping[str, object]) -> Iterator[_Known | DataError]:
        for where, image in self.left.sound(content, "images", str(self.path)):
            try:
                if _split(image, where) in SPLITS[self.split]:
                    yield self._karpathys(image, where)
            except DataError as error:
                yield error

    def _karpathys(self, image: Mapping[str, object], where: str) -> _Known:
        name = field(image, "filename", str, where)
        file = f"{field(image, 'filepath', str, where)}/{name}" if "filepath" in image else name
        number = identity(image, "cocoid", where) if "cocoid" in image else None
        if number is None and self.translated:
            raise DataError(f"{where}: no field 'cocoid', by which `translations` name pictures.")
        said = [self._caption(sentence, "raw", at) for at, sentence in each(image, "sentences", where)]
        called = name if number is None else f"picture {number}"
        return _Known(where, f"{self.path}: {called}", number, file, None, tuple(filter(None, said)))

    def _coco(self, content: Mapping[str, object]) -> Iterator[_Known | DataError]:
        images = by_id(self.left, content, "images", str(self.path))
        said: dict[Id, list[Located]] = defaultdict(list)
        annotations = self.left.sound(content, "annotations", str(self.path))
        for number, located in on_pictures(self.left, annotations, images):
            said[number].append(located)
        for number, (where, image) in images.items():
            try:
                size = size_of(image, where) if None not in (image.get("height"), image.get("width")) else None
                captions = filter(None, [self._caption(caption, "caption", at) for at, caption in said[number]])
                file = field(image, "file_name", str, where)
                yield _Known(where, f"{self.path}: picture {number}", number, file, size, tuple(captions))
            except DataError as error:
                yield error

    def _textcaps(self, content: Mapping[str, object]) -> Iterator[_Known | DataError]:
        said: dict[str, list[Located]] = defaultdict(list)
        for where, caption in self.left.sound(content, "data", str(self.path)):
            try:
                said[field(caption, "image_id", str, where)].append((where, caption))
            except DataError as error:
                self.left.fault(error)
        for name, captions in said.items():
            where, first = captions[0]
            try:
                file = field(first, "image_path", str, where) if "image_path" in first else f"{name}.jpg"
                texts = tuple(filter(None, [self._caption(caption, "caption_str", at) for at, caption in captions]))
                yield _Known(where, f"{self.path}: picture {name}", name, file, None, texts)
            except DataError as error:
                yield error

    def _caption(self, said: Mapping[str, object], name: str, where: str) -> str:
        """A caption; an empty text for what is none, which is noted."""
        for mark, what in UNFIT.items():
            if said.get(mark) is True:
                self.left.note(what, where)
                return ""
        text = field(said, name, str, where).strip()
        if not text:
            self.left.note(BLANK, where)
        return text

    @cached_property
    def translations(self) -> dict[Id, dict[str, tuple[str, ...]]]:
        """Captions of each picture by language. Raises DataError for two pictures of one number: whose are they?"""
        wanted: dict[Id | None, _Known] = {}
        for picture in self.pictures if self.translated else ():
            if isinstance(picture, _Known):
                first = wanted.setdefault(picture.number, picture)
                if first.file != picture.file:
                    raise DataError(f"{picture.where}: 'cocoid' {picture.number} is that of {first.where} too.")
        found: dict[Id, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for file in self.translated:
            before, lines = self.left.faults, 0
            for where, said in read_json_lines(file):
                lines += 1
                try:
                    number = _coco_id(field(said, "image_id", str, where), where)
                    language = nonblank(said, "trg_lang", where)
                    if number in wanted and (text := self._caption(said, "translation_tokenized", where)):
                        found[number][language] = (*found[number].get(language, ()), text)
                except DataError as error:
                    self.left.fault(error)
            self.left.judge(before, lines)
        return found

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """English first, the others in the order of the alphabet."""
        others = {language for known in self.translations.values() for language in known}
        return ("en", *sorted(others - {"en"}))

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        known = good(self.pictures[number])
        told = {"en": known.captions}
        for language, texts in (self.translations.get(known.number, {}) if known.number is not None else {}).items():
            told[language] = (*told.get(language, ()), *texts)
        return Record(known.name, picture_in(self.images, *coco_files(known.file)), known.size, told)


def _split(image: Mapping[str, object], where: str) -> str:
    split = field(image, "split", str, where)
    if split not in KNOWN:
        raise DataError(f"{where}: there is no split '{split[:40]}'.{choose(split, KNOWN)}")
    return split


def _coco_id(name: str, where: str) -> int:
    number = name.partition("_")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise DataError(f"{where}: 'image_id' should begin with a picture's number, not '{name[:40]}'.")
    return int(number)


@SOURCE.register(
    "coco_captions",
    "COCO captions, and in 35 more languages",
    tells=("captions",),
    files=("path", "translations", "test", "test_translations"),
    folders=("images", "test_images"),
)
def create(
    path: str,
    images: str,
    translations: str | None = None,
    test: str | None = None,
    test_images: str | None = None,
    test_translations: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `coco_captions`: Karpathy's `dataset_*.json`, COCO's own `captions_*.json`, or TextCaps.

    Karpathy's file has its test split in it: `test` is then the same file. `translations`: `coco_mt_*.jsonl.bz2`.
    """
    held = CocoCaptionsReader(test, test_images or images, "test", test_translations) if test else None
    return AnnotatedSource(CocoCaptionsReader(path, images, "train", translations), held)
