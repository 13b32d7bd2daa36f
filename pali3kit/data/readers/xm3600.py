"""Captions in 36 languages: trained on COCO-35L, measured on Crossmodal-3600, in their own files."""

from __future__ import annotations

from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.reader import Files, image_folder, image_in
from pali3kit.data.readers.coco_captions import CocoCaptionsReader
from pali3kit.data.record import Record
from pali3kit.data.sets.layout import find_file
from pali3kit.data.sets.xm3600 import Xm3600
from pali3kit.registry import SOURCE


class _Xm3600Reader(Files):
    """The images of Crossmodal-3600 with their captions in every language, which a record needs one by one."""

    def __init__(self, path: str, images: str) -> None:
        super().__init__(find_file(path, "captions.jsonl"))
        self.images = image_folder(images)

    @cached_property
    def _set(self) -> Xm3600:
        return Xm3600(str(self.files[0]), str(self.images))

    @cached_property
    def _captions(self) -> list[dict[str, tuple[str, ...]]]:
        found: list[dict[str, tuple[str, ...]]] = [{} for _ in range(len(self))]
        for language in self._set.languages:
            for number, text in self._set.captions(language):
                found[number][language] = (*found[number].get(language, ()), text)
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        return self._set.languages

    def __len__(self) -> int:
        return self._set.size("test")

    def record(self, number: int) -> Record:
        name = self._set.splits["test"].names[number]
        return Record(f"{self.files[0]}: {name}", image_in(self.images, name), None, self._captions[number])


@SOURCE.register(
    "xm3600",
    "COCO captions in 36 languages, tested on Crossmodal-3600",
    annotations=("captions",),
    files=("path", "translations", "test"),
    folders=("images", "test_images"),
)
def _create(
    path: str,
    images: str,
    test: str,
    test_images: str,
    translations: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `xm3600`: `path` and `images` are COCO's as `coco_captions` reads them, with `translations`
    (`coco_mt_train.jsonl.bz2`); `test` is Crossmodal-3600's `captions.jsonl`, with its `test_images`.
    """
    return AnnotatedSource(CocoCaptionsReader(path, images, "train", translations), _Xm3600Reader(test, test_images))
