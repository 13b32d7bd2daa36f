"""A folder of pictures, in one folder for each class, with texts beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pali3kit.data.beside import read_captions
from pali3kit.data.records import RecordSource, digest_files
from pali3kit.data.visible import walk
from pali3kit.errors import DataError
from pali3kit.images import decode
from pali3kit.registry import SOURCE
from pali3kit.text.plain import one_line

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


class _FolderRecords:
    """`<class>/<any folders>/<name>.jpg` as of ImageNet; the text is in `<name>.txt`, else it is the class' name.

    Hidden files and folders (`.ipynb_checkpoints`, `._1.jpg`, `__MACOSX`) are left out. Each line of a text is a
    caption, of which one is used.

    Raises:
        DataError: there is no such folder, or no image in it.
    """

    version = 2
    TEXTS = "a text is NAME.txt beside NAME.jpg, or the name of the folder, one for each class, that it lies in"

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(f"there is no folder {path}")
        self.path = path
        self.files = sorted(_pictures(path))
        if not self.files:
            raise DataError(f"no pictures in {path}: their names should end with {', '.join(sorted(PICTURES))}")
        folders = {self._folder(file) for file in self.files} - {""}
        self._class = {name: number for number, name in enumerate(sorted(folders))}
        self.classes = tuple(map(one_line, self._class))

    def __len__(self) -> int:
        return len(self.files)

    def name(self, number: int) -> str:
        return str(self.files[number])

    def picture(self, number: int) -> bytes:
        return _bytes(self.files[number])

    def text(self, number: int) -> str:
        file = self.files[number].with_suffix(".txt")
        if file.exists():
            captions = read_captions(lambda ending: _bytes(file) if ending == "txt" else None, self.name(number))
            return captions[number % len(captions)] if captions else ""
        return self._folder(self.files[number]).replace("_", " ")

    def labels(self, number: int) -> tuple[int, ...]:
        folder = self._folder(self.files[number])
        if not folder:
            raise DataError(f"{self.files[number]}: it lies in no folder of a class")
        return (self._class[folder],)

    def _folder(self, file: Path) -> str:
        """The folder of the class, the first below the root; empty for an image in the root itself."""
        first, *rest = file.relative_to(self.path).parts
        return first if rest else ""


@SOURCE.register(
    "folder", "a folder of pictures for each class (pretraining)", tells=("labels", "texts"), folders=("path",)
)
class FolderSource(RecordSource):
    """The registry's `folder`: texts are in `.txt` files beside pictures, else the class' name.

    Args:
        path: the folder.
        image_size: ignored: images are returned at their own size, and encoders resize them.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        records = _FolderRecords(Path(path).expanduser())
        super().__init__(records)
        self.digest = digest_files(records.path, records.files, decode.VERSION, records.version)


def _pictures(root: Path) -> Iterator[Path]:
    """All images below `path`; links to folders are followed, each folder once."""
    for folder, names in walk(root):
        yield from (Path(folder, name) for name in names if Path(name).suffix.lower() in PICTURES)


def _bytes(file: Path) -> bytes:
    try:
        return decode.read_bytes(file)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
