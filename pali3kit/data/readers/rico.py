"""Captions on RICO's screens: of whole screens (Screen2Words), and of widgets, which are outlined (WidgetCap)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import NamedTuple

from PIL.Image import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, mapping, numbers, read_json
from pali3kit.data.lines import Lines, find_files
from pali3kit.data.reader import image_folder, image_in, require_path
from pali3kit.data.readers.skipped import SkippingFiles, require_any_valid
from pali3kit.data.record import Record
from pali3kit.data.table import DelimitedTable
from pali3kit.errors import DataError
from pali3kit.images.drawing import outline
from pali3kit.registry import SOURCE
from pali3kit.storage.paths import inside
from pali3kit.storage.remote import AnyPath

CANVAS = 2560  # height that RICO's bounds refer to; widths have the same scale
PRIVATE = "nr"  # the `datasetId` of widgets whose screens are not public


class _Entry(NamedTuple):
    """A screen with its captions, or a widget of it; `node` is the path of the widget in the view hierarchy."""

    screen: str
    node: str
    captions: tuple[str, ...]


class _RicoReader(SkippingFiles):
    """Screens or widgets with captions, from a CSV in one of two layouts, recognized by its columns:

    - Screen2Words: `screenId, summary`, a row for each summary.
    - WidgetCap: `datasetId, screenId, nodeId, captions`, which are separated by `|`.

    `split`, a file or a pattern, has the screens of the split, an id on each line. Images are `<screenId>.jpg` in
    `images`; the view hierarchies of widgets are beside them, `<screenId>.json`.

    Raises:
        DataError: there is no such column, or no screen of the split has a caption.
    """

    def __init__(self, path: str, images: str, split: str, image_size: int) -> None:
        super().__init__(require_path(path), *find_files(split, ".txt"))
        self.path, self.split, self.folder = self.files[0], split, image_folder(images)
        self.image_size = image_size

    @cached_property
    def entries(self) -> list[_Entry]:
        """Screens or widgets of the split, in the order of the file."""
        table = DelimitedTable(Lines([self.path]), ",")
        column = next((name for name in ("summary", "captions") if name in table.names), None)
        if column is None or "screenId" not in table.names:
            found = ", ".join(table.names)
            raise DataError(f"{self.path}: no columns 'screenId' and 'summary', or 'captions', among: {found}")
        lists = [file.read_text(encoding="utf-8-sig", errors="replace") for file in self.files[1:]]
        screens = {line.strip() for text in lists for line in text.splitlines()}
        captions: dict[tuple[str, str], tuple[str, ...]] = {}
        for where, row in self._rows(table):
            if row["screenId"].strip() in screens:
                key = row["screenId"].strip(), row.get("nodeId", "").strip()
                texts = row[column].split("|") if column == "captions" else [row[column]]
                captions[key] = (*captions.get(key, ()), *self._nonblank(texts, where))
        for screen in sorted(screens - {screen for screen, _ in captions} - {""}):
            self.skipped.note("a screen of the split without captions", f"{self.files[1]}: {screen[:40]}")
        entries = [_Entry(*key, texts) for key, texts in captions.items() if texts]
        require_any_valid([*entries], f"{self.path}: no captions of the screens in {self.split}")
        return entries

    def _rows(self, table: DelimitedTable) -> Iterator[tuple[str, Mapping[str, str]]]:
        before = self.skipped.num_errors
        for number in range(len(table)):
            where = table.where(number)
            try:
                row = table[number]
            except DataError as error:
                self.skipped.add_error(error)
                continue
            if row.get("datasetId") == PRIVATE:
                self.skipped.note("a widget whose screen is not public", where)
            else:
                yield where, row
        self.skipped.check_share(before, len(table))

    def _nonblank(self, texts: list[str], where: str) -> Iterator[str]:
        for text in texts:
            if text.strip():
                yield text
            else:
                self.skipped.note("a blank caption", where)

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        screen, node, captions = self.entries[number]
        name = f"{self.path}: screen {screen}{f' node {node}' if node else ''}"
        return Record(
            name,
            image_in(self.folder, f"{screen}.jpg"),
            captions={"en": captions},
            edit=partial(self._outlined, screen=screen, node=node) if node else None,
        )

    def _outlined(self, image: Image, screen: str, node: str) -> Image:
        """The image with the outline of a widget, which is about one pixel wide when the image is resized."""
        scale = image.height / CANVAS
        x0, y0, x1, y1 = (scale * bound for bound in _bounds(inside(self.folder, f"{screen}.json"), node))
        width = round(image.height / self.image_size) if self.image_size else 1
        return outline(image, (x0, y0, x1, y1), max(1, width))


def _bounds(file: AnyPath, node: str) -> tuple[float, ...]:
    """(x0, y0, x1, y1) on the canvas, of a widget by the path to it: "0.2.1" is child 1 of child 2 of the root."""
    where, copied = str(file), require_path(str(file))
    activity = field(mapping(read_json(copied), where), "activity", dict, where)
    entry: Mapping[str, object] = field(activity, "root", dict, f"{where}: activity")
    where += ": activity.root"
    try:
        places = [int(place) for place in node.split(".")[1:]]
    except ValueError as error:
        raise DataError(f"{where}: there is no node '{node[:40]}', which should be whole numbers.") from error
    for place in places:
        children = field(entry, "children", list, where)
        if not 0 <= place < len(children):
            raise DataError(f"{where}: there is no child {place} among its {len(children)}, for the node {node}.")
        where += f".children[{place}]"
        entry = mapping(children[place], where)
    x0, y0, x1, y1 = numbers(field(entry, "bounds", list, where), 4, f"{where}: 'bounds'")
    if x0 > x1 or y0 > y1:
        raise DataError(f"{where}: 'bounds' should be left, top, right, bottom, not {[x0, y0, x1, y1]}.")
    return x0, y0, x1, y1


@SOURCE.register(
    "rico_captions",
    "captions of apps' screens and widgets: Screen2Words, WidgetCap",
    annotations=("captions",),
    files=("path", "train", "test"),
    folders=("images",),
)
def _create(path: str, images: str, train: str, test: str | None = None, image_size: int = 0) -> AnnotatedSource:
    """The registry's `rico_captions`: the file `train` has the screens to train on, `test` those to test on."""
    held = _RicoReader(path, images, test, image_size) if test else None
    return AnnotatedSource(_RicoReader(path, images, train, image_size), held)
