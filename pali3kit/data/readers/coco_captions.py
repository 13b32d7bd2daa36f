"""Captions: Karpathy's split, COCO's own files, TextCaps, and the translations of COCO captions into 35 languages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, nonblank, read_json, read_json_lines
from pali3kit.data.lines import find_files
from pali3kit.data.reader import image_folder, image_in, require_path
from pali3kit.data.readers.coco import Id, by_id, coco_files, read_id, read_image_size, with_image
from pali3kit.data.readers.published_ocr import PublishedOcr
from pali3kit.data.readers.rotations import Rotations
from pali3kit.data.readers.skipped import Located, SkippingFiles, require_any_valid, valid_or_raise
from pali3kit.data.record import Record
from pali3kit.errors import DataError, choose
from pali3kit.images.decode import Size
from pali3kit.registry import SOURCE

SPLITS = {"train": ("train", "restval"), "test": ("test",)}  # Karpathy's splits that make up ours
KARPATHY_SPLITS = ("train", "restval", "val", "test")
BLANK = "a blank caption"
UNUSABLE = {"is_rejected": "a rejected caption", "is_precanned": "a precanned caption"}  # marks of VizWiz-Captions


class _Entry(NamedTuple):
    """An image, where its entry stands, and its English captions; `number` is its COCO id if the file has one."""

    where: str
    name: str
    number: Id | None
    file: str
    size: Size | None
    captions: tuple[str, ...]


class CocoCaptionsReader(SkippingFiles):
    """Images with captions in one of three formats, recognized by their fields:

    - Karpathy's `dataset_coco.json`, `dataset_flickr30k.json`, `dataset_flickr8k.json`: `images[]: filename, split,
      sentences[]: raw`, for COCO also `cocoid, filepath`; the train split is its train and restval.
    - COCO's `captions_*.json`, NoCaps, VizWiz-Captions: `images[]: id, file_name`, optionally `height, width`, and
      `annotations[]: image_id, caption`. Captions that VizWiz marks as rejected or precanned are skipped.
    - TextCaps: `data[]: image_id, caption_str`, one entry for each caption, optionally `image_path`.

    Images are in the folder `images`, directly or in the subfolder `filepath`. Blank captions are skipped. A test file
    of the last two kinds without any, as servers score, can be answered and not scored.

    Translations (COCO-35L of Crossmodal-3600, `coco_mt_train.jsonl.bz2`; each line has `image_id` =
    `<coco id>_<number>`, `trg_lang` and `translation_tokenized`) add captions in other languages to the same images.
    """

    version = 2

    def __init__(
        self,
        path: str,
        images: str,
        split: str,
        translations: str | None = None,
        rotations: str | None = None,
        ocr: str | None = None,
    ) -> None:
        translated = find_files(translations, ".jsonl.bz2") if translations else ()
        self.rotations = Rotations(rotations) if rotations else None
        self.ocr = PublishedOcr(ocr) if ocr else None
        others = [*([self.rotations.path] if self.rotations else []), *(self.ocr.files if self.ocr else [])]
        super().__init__(require_path(path), *translated, *others)
        self.path, self.image_folder, self.split = self.files[0], image_folder(images), split
        self.translated: Sequence[Path] = translated
        self.hidden = False  # known once the file is read

    @cached_property
    def entries(self) -> list[_Entry | DataError]:
        """The images of the split that have a caption; a DataError in place of a malformed one."""
        if self.rotations:
            self.rotations.require_valid()
        content = mapping(read_json(self.path), str(self.path))
        self.hidden = self.split == "test" and _without_captions(content)
        if self.hidden and "images" in content:
            content = {**content, "annotations": []}
        by_field = {"annotations": self._coco, "data": self._textcaps}
        read = next((read for field, read in by_field.items() if field in content), self._karpathy)
        entries = [entry for entry in read(content) if isinstance(entry, DataError) or entry.captions or self.hidden]
        return require_any_valid(entries, f"{self.path}: no image with a caption in the {self.split} split")

    def _karpathy(self, content: Mapping[str, object]) -> Iterator[_Entry | DataError]:
        for where, image in self.skipped.mappings(content, "images", str(self.path)):
            try:
                if _split(image, where) in SPLITS[self.split]:
                    yield self._karpathys(image, where)
            except DataError as error:
                yield error

    def _karpathys(self, image: Mapping[str, object], where: str) -> _Entry:
        name = field(image, "filename", str, where)
        file = f"{field(image, 'filepath', str, where)}/{name}" if "filepath" in image else name
        number = read_id(image, "cocoid", where) if "cocoid" in image else None
        if number is None and self.translated:
            raise DataError(f"{where}: no field 'cocoid', which `translations` refer to.")
        captions = [self._caption(sentence, "raw", at) for at, sentence in each(image, "sentences", where)]
        label = name if number is None else f"image {number}"
        return _Entry(where, f"{self.path}: {label}", number, file, None, tuple(filter(None, captions)))

    def _coco(self, content: Mapping[str, object]) -> Iterator[_Entry | DataError]:
        images = by_id(self.skipped, content, "images", str(self.path))
        captions_of: dict[Id, list[Located]] = defaultdict(list)
        annotations = self.skipped.mappings(content, "annotations", str(self.path))
        for number, located in with_image(self.skipped, annotations, images):
            captions_of[number].append(located)
        for number, (where, image) in images.items():
            try:
                size = read_image_size(image, where) if None not in (image.get("height"), image.get("width")) else None
                captions = filter(None, [self._caption(caption, "caption", at) for at, caption in captions_of[number]])
                file = field(image, "file_name", str, where)
                yield _Entry(where, f"{self.path}: image {number}", number, file, size, tuple(captions))
            except DataError as error:
                yield error

    def _textcaps(self, content: Mapping[str, object]) -> Iterator[_Entry | DataError]:
        captions_of: dict[str, list[Located]] = defaultdict(list)
        for where, caption in self.skipped.mappings(content, "data", str(self.path)):
            try:
                captions_of[field(caption, "image_id", str, where)].append((where, caption))
            except DataError as error:
                self.skipped.add_error(error)
        for name, captions in captions_of.items():
            where, first = captions[0]
            try:
                file = field(first, "image_path", str, where) if "image_path" in first else f"{name}.jpg"
                told = [] if self.hidden else [self._caption(entry, "caption_str", at) for at, entry in captions]
                yield _Entry(where, f"{self.path}: image {name}", name, file, None, tuple(filter(None, told)))
            except DataError as error:
                yield error

    def _caption(self, entry: Mapping[str, object], name: str, where: str) -> str:
        """The caption `entry[name]`, or "" for one that is unusable or blank, which is recorded as skipped."""
        for mark, what in UNUSABLE.items():
            if entry.get(mark) is True:
                self.skipped.note(what, where)
                return ""
        text = field(entry, name, str, where).strip()
        if not text:
            self.skipped.note(BLANK, where)
        return text

    @cached_property
    def translations(self) -> dict[Id, dict[str, tuple[str, ...]]]:
        """Translated captions of each image by language.

        Raises:
            DataError: two images have the same COCO id, so that it is unknown whose translations they are.
        """
        wanted: dict[Id | None, _Entry] = {}
        for entry in self.entries if self.translated else ():
            if isinstance(entry, _Entry):
                first = wanted.setdefault(entry.number, entry)
                if first.file != entry.file:
                    raise DataError(f"{entry.where}: 'cocoid' {entry.number} is already that of {first.where}.")
        found: dict[Id, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for file in self.translated:
            before, lines = self.skipped.num_errors, 0
            for where, line in read_json_lines(file):
                lines += 1
                try:
                    number = _coco_id(field(line, "image_id", str, where), where)
                    language = nonblank(line, "trg_lang", where)
                    if number in wanted and (text := self._caption(line, "translation_tokenized", where)):
                        found[number][language] = (*found[number].get(language, ()), text)
                except DataError as error:
                    self.skipped.add_error(error)
            self.skipped.check_share(before, lines)
        return found

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """English first, the others in alphabetical order."""
        others = {language for known in self.translations.values() for language in known}
        return ("en", *sorted(others - {"en"}))

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        entry = valid_or_raise(self.entries[number])
        captions = {"en": entry.captions}
        translated = self.translations.get(entry.number, {}) if entry.number is not None else {}
        for language, texts in translated.items():
            captions[language] = (*captions.get(language, ()), *texts)
        turn = self.rotations.turn([str(entry.number)]) if self.rotations else None
        read_image = image_in(self.image_folder, *coco_files(entry.file))
        read_ocr = partial(self.ocr.words, [str(entry.number), entry.file]) if self.ocr else None
        return Record(
            entry.name,
            read_image,
            entry.size,
            captions,
            stored=turn is not None,
            edit=turn,
            id=entry.number,
            hidden=self.hidden,
            read_ocr=read_ocr,
        )


def _without_captions(content: Mapping[str, object]) -> bool:
    """Whether a file lists images alone, as those that the servers of COCO and TextCaps test on."""
    listed = content.get("data", content.get("images"))
    images = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    told = {"caption_str", "sentences"}
    return bool(images) and "annotations" not in content and not any(told & image.keys() for image in images)


def _split(image: Mapping[str, object], where: str) -> str:
    split = field(image, "split", str, where)
    if split not in KARPATHY_SPLITS:
        raise DataError(f"{where}: there is no split '{split[:40]}'.{choose(split, KARPATHY_SPLITS)}")
    return split


def _coco_id(name: str, where: str) -> int:
    number = name.partition("_")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise DataError(f"{where}: 'image_id' should begin with the number of an image, not '{name[:40]}'.")
    return int(number)


@SOURCE.register(
    "coco_captions",
    "COCO captions, and in 35 more languages",
    annotations=("captions",),
    files=("path", "translations", "test", "test_translations", "rotations", "ocr", "test_ocr"),
    folders=("images", "test_images"),
)
def _create(
    path: str,
    images: str,
    translations: str | None = None,
    test: str | None = None,
    test_images: str | None = None,
    test_translations: str | None = None,
    rotations: str | None = None,
    ocr: str | None = None,
    test_ocr: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `coco_captions`: Karpathy's `dataset_*.json`, COCO's own `captions_*.json`, or TextCaps.

    Karpathy's file contains its test split: `test` is then the same file. `translations`: `coco_mt_*.jsonl.bz2`.
    `rotations`: Open Images' list of turned images, `ocr`: Rosetta's words (`PublishedOcr`), both for TextCaps.
    """
    reader = CocoCaptionsReader(path, images, "train", translations, rotations, ocr)
    if test is None:
        return AnnotatedSource(reader)
    held = CocoCaptionsReader(test, test_images or images, "test", test_translations, rotations, test_ocr or ocr)
    return AnnotatedSource(reader, held)
