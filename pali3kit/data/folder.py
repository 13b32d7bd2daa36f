"""A folder of images with one subfolder per class, and texts beside the images."""

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

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


class _FolderRecords:
    """`<class>/<any folders>/<name>.jpg` as in ImageNet. The text is in `<name>.txt`, else it is the class name.

    Hidden files and folders (`.ipynb_checkpoints`, `._1.jpg`, `__MACOSX`) are left out. Each line of a `.txt` is a
    caption, of which one is used.

    Raises:
        DataError: there is no such folder, or no image in it.
    """

    version = 2
    TEXTS = "a text is NAME.txt beside NAME.jpg, or the name of the class folder that NAME.jpg is in"

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(f"there is no folder {path}")
        self.path = path
        self.files = sorted(_images(path))
        if not self.files:
            raise DataError(f"no images in {path}: their names should end with {', '.join(sorted(IMAGES))}")
        folders = {self._folder(file) for file in self.files} - {""}
        self._class = {name: number for number, name in enumerate(sorted(folders))}
        self.classes = tuple(map(one_line, self._class))

    def __len__(self) -> int:
        return len(self.files)

    def name(self, number: int) -> str:
        return str(self.files[number])

    def image_bytes(self, number: int) -> bytes:
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
            raise DataError(f"{self.files[number]}: the image is in no class folder")
        return (self._class[folder],)

    def _folder(self, file: Path) -> str:
        """The name of the class folder, directly below the root; "" for an image in the root itself."""
        first, *rest = file.relative_to(self.path).parts
        return first if rest else ""


@SOURCE.register(
    "folder", "images in one folder per class (pretraining)", annotations=("labels", "texts"), folders=("path",)
)
class FolderSource(RecordSource):
    """The registry's `folder`: texts are in `.txt` files beside images, else the class' name.

    Args:
        path: the folder.
        image_size: ignored: images are returned at their own size, and encoders resize them.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        records = _FolderRecords(Path(path).expanduser())
        super().__init__(records)
        self.digest = digest_files(records.path, records.files, decode.VERSION, records.version)


def _images(root: Path) -> Iterator[Path]:
    """All images below `root`; links to folders are followed, each folder once."""
    for folder, names in walk(root):
        yield from (Path(folder, name) for name in names if Path(name).suffix.lower() in IMAGES)


def _bytes(file: Path) -> bytes:
    try:
        return decode.read_bytes(file)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
