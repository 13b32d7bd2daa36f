"""COCO captions: Karpathy's split or COCO's own files, with the translations into 35 languages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, read_json, read_lines
from pali3kit.data.lines import find_files
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.record import Record
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

SPLITS = {"train": ("train", "restval"), "test": ("test",)}
Known = tuple[int, str, tuple[int, int] | None, tuple[str, ...]]  # id, file, size, English captions


class CocoCaptionsReader(Files):
    """Pictures with captions of one of two formats, told apart by their fields:

    - Karpathy's `dataset_coco.json`: `images[]: cocoid, filename, filepath, split, sentences[]: raw`; train is its
      train and restval.
    - COCO's `captions_*.json`: `images[]: id, file_name, height, width`, `annotations[]: image_id, caption`.

    Pictures are in `images`, by their name or in the folder that `filepath` says.

    Translations (Crossmodal-3600's COCO-35L, `coco_mt_train.jsonl.bz2`, on each line `image_id` (`<coco id>_<number>`),
    `trg_lang`, `translation_tokenized`) add captions to the pictures they are of.
    """

    def __init__(self, path: str, images: str, split: str, translations: str | None = None) -> None:
        translated = find_files(translations, ".jsonl.bz2") if translations else ()
        super().__init__(existing(path), *translated)
        self.path, self.images, self.split = self.files[0], existing(images, "folder"), split
        self.translated: Sequence[Path] = translated

    @cached_property
    def pictures(self) -> list[Known]:
        """The pictures of the split that have a caption."""
        content = mapping(read_json(self.path), str(self.path))
        known = self._coco(content) if "annotations" in content else self._karpathy(content)
        pictures = [picture for picture in known if picture[3]]
        if not pictures:
            raise DataError(f"{self.path}: no picture with a caption in the {self.split} split")
        return pictures

    def _karpathy(self, content: Mapping[str, object]) -> Iterator[Known]:
        for where, image in each(content, "images", str(self.path)):
            if field(image, "split", str, where) not in SPLITS[self.split]:
                continue
            name = field(image, "filename", str, where)
            file = f"{field(image, 'filepath', str, where)}/{name}" if "filepath" in image else name
            captions = tuple(field(said, "raw", str, at).strip() for at, said in each(image, "sentences", where))
            yield field(image, "cocoid", int, where), file, None, captions

    def _coco(self, content: Mapping[str, object]) -> Iterator[Known]:
        captions: dict[int, list[str]] = defaultdict(list)
        for where, said in each(content, "annotations", str(self.path)):
            captions[field(said, "image_id", int, where)].append(field(said, "caption", str, where).strip())
        for where, image in each(content, "images", str(self.path)):
            number = field(image, "id", int, where)
            size = (field(image, "height", int, where), field(image, "width", int, where))
            yield number, field(image, "file_name", str, where), size, tuple(captions[number])

    @cached_property
    def translations(self) -> dict[int, dict[str, tuple[str, ...]]]:
        """Captions of each picture by language."""
        wanted = {number for number, *_ in self.pictures}
        found: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for file in self.translated:
            for where, said in read_lines(file):
                number = _coco_id(field(said, "image_id", str, where), where)
                if number in wanted:
                    language = field(said, "trg_lang", str, where)
                    text = field(said, "translation_tokenized", str, where).strip()
                    found[number][language] = (*found[number].get(language, ()), text)
        return found

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """English first, the others in the order of the alphabet."""
        others = {language for known in self.translations.values() for language in known}
        return ("en", *sorted(others - {"en"}))

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        image, file, size, captions = self.pictures[number]
        picture = picture_in(self.images, *dict.fromkeys((file, file.rpartition("/")[2])))
        told = {"en": captions, **self.translations.get(image, {})}
        return Record(f"{self.path}: picture {image}", picture, size, told)


def _coco_id(name: str, where: str) -> int:
    number = name.partition("_")[0]
    if not number.isdecimal():
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
    """The registry's `coco_captions`: Karpathy's `dataset_coco.json`, or COCO's own `captions_*.json`.

    Karpathy's file has its test split in it: `test` is then the same file. `translations`: `coco_mt_*.jsonl.bz2`.
    """
    held = CocoCaptionsReader(test, test_images or images, "test", test_translations) if test else None
    return AnnotatedSource(CocoCaptionsReader(path, images, "train", translations), held)
