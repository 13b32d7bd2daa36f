"""Pages of PDFs, written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from file_server import FileServer

from pali3kit.data.readers.pdf import _create, _PdfReader
from pali3kit.errors import DataError

pytest.importorskip("pypdfium2")


def pdf(*pages: str) -> bytes:
    """A PDF of 200 x 100 points with a line of text on each page."""
    leaves = range(4, 4 + 2 * len(pages), 2)
    kids = " ".join(f"{leaf} 0 R" for leaf in leaves)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for leaf, text in zip(leaves, pages, strict=True):
        drawn = f"BT /F1 18 Tf 10 50 Td ({text}) Tj ET"
        page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Resources << /Font << /F1 3 0 R >> >>"
        objects += [f"{page} /Contents {leaf + 1} 0 R >>", f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream"]
    data, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n"
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return (data + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}" + trailer).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.pdf").write_bytes(pdf("Dense text", "second page", "third"))
    (tmp_path / "deep" / "b.PDF").write_bytes(pdf("another one"))
    (tmp_path / "c.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    (tmp_path / "d.pdf").write_bytes(b"")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "e.pdf").write_bytes(pdf("thrown away"))
    return tmp_path


def test_documents_behind_a_url_are_copied(folder: Path, server: FileServer) -> None:
    digest, here, there = (
        _create(str(folder)).digest,
        _PdfReader(str(folder), 2),
        _PdfReader(server.serve(folder, "docs"), 2),
    )
    assert len(there) == len(here) == 3 and [file.name for file in there.files] == ["a.pdf", "c.pdf", "d.pdf", "b.PDF"]
    assert [there.record(n).words for n in range(3)] == [here.record(n).words for n in range(3)]
    assert _create(f"{server.url}/docs/").digest == digest
    with pytest.raises(DataError, match=f"there is no file {server.url}/nowhere"):
        _PdfReader(f"{server.url}/nowhere")


def test_pages_are_images_with_their_text(folder: Path) -> None:
    reader = _PdfReader(str(folder), pages=2, pixels=300)
    assert [reader.record(i).name for i in range(len(reader))] == [
        f"{folder}/a.pdf: page 1", f"{folder}/a.pdf: page 2", f"{folder}/deep/b.PDF: page 1",
    ]  # fmt: skip
    assert [word.text for word in reader.record(0).words] == ["Dense", "text"]
    source = _create(str(folder), pages=1, pixels=300)
    assert source.image("train", 0).shape == (150, 300, 3) and source.image("train", 0).min() < 50
    example = source.task("ocr", 16).draw("train", 0, np.random.default_rng(0))
    assert example is not None and example.prompt == "Generate the ocr_text in EN: <extra_id_0>"
    assert {source.task("ocr", 16).draw("train", i, np.random.default_rng(0)).target for i in range(2)} == {  # type: ignore[union-attr]
        "Dense text", "another one",
    }  # fmt: skip


def test_damaged_documents_are_listed(folder: Path) -> None:
    source = _create(str(folder))
    assert source.damages == []  # none has been opened
    assert source.size("train") == 4
    assert [damage.partition(": not a readable PDF")[0] for damage in source.damages] == [
        f"{folder}/c.pdf", f"{folder}/d.pdf",
    ]  # fmt: skip


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no \.pdf below"):
        _PdfReader(str(tmp_path))
    (tmp_path / "c.pdf").write_bytes(b"no PDF")
    with pytest.raises(DataError, match=r"no document below .* can be read: .*c\.pdf: not a readable PDF"):
        len(_PdfReader(str(tmp_path)))
    with pytest.raises(DataError, match="there is no folder"):
        _PdfReader(str(tmp_path / "nowhere"))


def test_without_the_library_its_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
    with pytest.raises(DataError, match=r"needs pypdfium2: pip install 'pali3kit\[pdf\]'"):
        len(_PdfReader(str(folder)))


@pytest.mark.parametrize("box", [b"[0 0 000 000]", b"[0 0 1e9 100]", b"[9 9 (a) 100]", b"null"])
def test_a_page_without_a_size_is_an_image_or_a_data_error(tmp_path: Path, box: bytes) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("text").replace(b"[0 0 200 100]", box))
    try:
        assert _create(str(tmp_path), pixels=300).image("train", 0).shape[2] == 3
    except DataError as error:
        assert str(error).startswith(f"{tmp_path}/a.pdf")


def test_errors_of_damaged_pages_name_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    def fail(*_: object) -> None:
        raise ZeroDivisionError("no width")

    monkeypatch.setattr(pypdfium2.PdfPage, "get_size", fail)
    source = _create(str(folder))
    with pytest.raises(DataError, match=r"^\S+a\.pdf: page \d: ZeroDivisionError: no width"):
        source.image("train", 0)
