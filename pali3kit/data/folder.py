"""A folder of images with one subfolder per class, and texts beside the images."""

from __future__ import annotations

from pali3kit.data.beside import read_captions
from pali3kit.data.reader import image_folder
from pali3kit.data.records import RecordSource, digest_files
from pali3kit.data.visible import files_below
from pali3kit.errors import DataError
from pali3kit.images import decode
from pali3kit.registry import SOURCE
from pali3kit.storage.paths import relative_to
from pali3kit.storage.remote import AnyPath
from pali3kit.text.plain import one_line

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


class _FolderRecords:
    """`<class>/<any folders>/<name>.jpg` as in ImageNet. The text is in `<name>.txt`, else it is the class name.

    Hidden files and folders (`.ipynb_checkpoints`, `._1.jpg`, `__MACOSX`) are left out. Each line of a `.txt` is a
    caption, of which one is used.

    Raises:
        DataError: there is no image in the folder.
    """

    version = 2
    TEXTS = "a text is NAME.txt beside NAME.jpg, or the name of the class folder that NAME.jpg is in"

    def __init__(self, path: AnyPath) -> None:
        self.path, below = path, files_below(path)
        self.files = [file for file in below if file.suffix.lower() in IMAGES]
        self._texts = frozenset(str(file) for file in below if file.suffix == ".txt")
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
        if str(file) in self._texts:
            captions = read_captions(lambda ending: _bytes(file) if ending == "txt" else None, self.name(number))
            return captions[number % len(captions)] if captions else ""
        return self._folder(self.files[number]).replace("_", " ")

    def labels(self, number: int) -> tuple[int, ...]:
        folder = self._folder(self.files[number])
        if not folder:
            raise DataError(f"{self.files[number]}: the image is in no class folder")
        return (self._class[folder],)

    def _folder(self, file: AnyPath) -> str:
        """The name of the class folder, directly below the root; "" for an image in the root itself."""
        first, *rest = relative_to(file, self.path).parts
        return first if rest else ""


@SOURCE.register(
    "folder", "images in one folder per class (pretraining)", annotations=("labels", "texts"), folders=("path",)
)
class FolderSource(RecordSource):
    """The registry's `folder`: texts are in `.txt` files beside images, else the class' name.

    Args:
        path: the folder, which may be behind a URL that lists it.
        image_size: ignored: images are returned at their own size, and encoders resize them.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        records = _FolderRecords(image_folder(path))
        super().__init__(records)
        self.digest = digest_files(records.path, records.files, decode.VERSION, records.version)


def _bytes(file: AnyPath) -> bytes:
    try:
        return decode.read_bytes(file)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
