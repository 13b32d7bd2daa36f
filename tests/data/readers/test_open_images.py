"""Open Images' tables of boxes and of masks."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.readers.open_images import _create, _OpenImagesReader
from pali3kit.errors import DataError

BOXES = """ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside
000a1249af2bc5f0,xclick,/m/0jbk,1,0.250000,0.750000,0.166667,0.500000,0,0,0,0,0
0001eeaf4aed83f9,xclick,/m/01yrx,1,0,1,0,1,0,0,1,0,0
000a1249af2bc5f0,xclick,/m/01yrx,1,0.5,1,0.5,1,0,0,0,0,0
"""
MASKS = """MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks
000a1249af2bc5f0_m0jbk_1.png,000a1249af2bc5f0,/m/0jbk,1,0.250000,0.750000,0.166667,0.500000,0.9,0.1 0.2 1;0.3 0.4 0
"""
NAMES = '/m/0jbk,Animal\n/m/01yrx,"Cat, tame"\n'
FIRST = "000a1249af2bc5f0"


@pytest.fixture
def files(tmp_path: Path, image: Callable[..., Path]) -> Callable[..., _OpenImagesReader]:
    for name in (FIRST, "0001eeaf4aed83f9"):
        image(tmp_path / "images" / f"{name}.jpg")
    mask = np.zeros((12, 16), np.uint8)  # twice as large as the image
    mask[2:6, 4:12] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).convert("1").save(tmp_path / "masks" / f"{FIRST}_m0jbk_1.png")

    def make(table: str = BOXES, names: str = NAMES, masks: bool = True) -> _OpenImagesReader:
        (tmp_path / "table.csv").write_text(table)
        (tmp_path / "names.csv").write_text(names)
        folder = str(tmp_path / "masks") if masks else None
        return _OpenImagesReader(
            str(tmp_path / "table.csv"), str(tmp_path / "images"), str(tmp_path / "names.csv"), folder
        )

    return make


def test_boxes_are_grouped_by_image(files: Callable[..., _OpenImagesReader]) -> None:
    reader = files()
    assert len(reader) == 2 and reader.classes == ("Animal", "Cat, tame")
    group, record = reader.record(0), reader.record(1)
    assert record.size == (6, 8) and record.name.endswith(f"table.csv: image {FIRST}")
    assert [(thing.label, thing.box) for thing in record.things] == [
        ("Animal", (1, 2, 3, 6)),
        ("Cat, tame", (3, 4, 6, 8)),
    ]
    assert [thing.crowd for thing in group.things] == [True] and all(thing.mask is None for thing in record.things)


def test_masks_at_the_size_of_the_image(files: Callable[..., _OpenImagesReader]) -> None:
    (thing,) = files(MASKS).record(0).things
    assert thing.box == (1, 2, 3, 6) and thing.mask is not None
    expected = np.zeros((6, 8), bool)
    expected[1:3, 2:6] = True
    np.testing.assert_array_equal(thing.mask(), expected)


def test_class_names_may_have_a_header(files: Callable[..., _OpenImagesReader]) -> None:
    assert files(names=f"LabelName,DisplayName\n{NAMES}").classes == ("Animal", "Cat, tame")


def test_masks_are_used_by_the_mask_tokenizer(files: Callable[..., _OpenImagesReader], tmp_path: Path) -> None:
    files(MASKS)
    paths = [str(tmp_path / name) for name in ("table.csv", "images", "names.csv", "masks")]
    example = _create(*paths).task("instance", 1000).draw("train", 0, np.random.default_rng(0))
    assert example is not None and example.prompt == "detect: Animal <extra_id_0>" and example.mask is not None
    assert example.mask.sum() == 8


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "table.csv: it is empty"),
        (BOXES.split("\n")[0], "table.csv: it has no rows"),
        (BOXES.replace("LabelName", "Label"), "table.csv: no column 'LabelName'. Did you mean 'Label'"),
        (MASKS.replace("BoxXMin", "XMin"), "table.csv: no column 'BoxXMin'. Did you mean 'BoxYMin'"),
        (BOXES + "-1,xclick\n", "table.csv:5: no ImageID of 16 hexadecimal digits"),
        (BOXES + "zz,xclick\n", "table.csv:5: no ImageID of 16 hexadecimal digits"),
    ],
)
def test_malformed_tables_are_errors(table: str, message: str, files: Callable[..., _OpenImagesReader]) -> None:
    with pytest.raises(DataError, match=message):
        len(files(table))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            BOXES.replace("/m/0jbk", "/m/0jbx"),
            r"table.csv:2: .*names.csv has no class '/m/0jbx'. Did you",
        ),
        (
            BOXES.replace("0.250000", "a quarter"),
            "table.csv:2: XMin, YMin, XMax, YMax should be numbers: .*'a q",
        ),
        (BOXES.replace("0.250000", "1.5"), r"table.csv:2: 'bbox' .* is empty or outside an image of 6x8"),
        (BOXES.replace("0.500000,0,0,0,0,0", "0.500000,0"), "table.csv:2: 9 columns, where the first line has 13"),
        (MASKS.replace("jbk_1.png,", "jbk_2.png,"), r"masks: there is no image 000a1249af2bc5f0_m0jbk_2.png"),
    ],
)
def test_malformed_rows_are_errors(table: str, message: str, files: Callable[..., _OpenImagesReader]) -> None:
    reader = files(table)
    with pytest.raises(DataError, match=message):
        for thing in reader.record(len(reader) - 1).things:
            if thing.mask is not None:
                thing.mask()


def test_masks_need_their_folder(files: Callable[..., _OpenImagesReader]) -> None:
    with pytest.raises(DataError, match="has masks: `masks` should name the folder with their PNGs"):
        len(files(MASKS, masks=False))


def test_unknown_classes_are_errors(files: Callable[..., _OpenImagesReader]) -> None:
    with pytest.raises(DataError, match=r"names.csv: each line should be a LabelName and a DisplayName"):
        files(names="/m/0jbk\n").record(0)


def test_quoted_cells_marks_and_other_line_ends(files: Callable[..., _OpenImagesReader]) -> None:
    plain = files()
    right = [plain.record(number).things for number in range(len(plain))]
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in BOXES.splitlines())
    for table in ("\ufeff" + BOXES, BOXES.replace("\n", "\r\n"), BOXES.replace("\n", "\r"), quoted):
        reader = files(table, "\ufeffLabelName,DisplayName\n" + NAMES)
        found = [reader.record(number).things for number in range(len(reader))]
        assert found == right


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES + "/m/0jbk,Beast\n", "/m/0jbk is Animal and Beast"),
        (NAMES + '/m/0x,"' + "x" * 200_000 + '"\n', "not a readable table: field larger"),
        (NAMES + "/m/0x\n", "each line should be a LabelName and a DisplayName"),
    ],
)
def test_malformed_class_names_are_errors(names: str, message: str, files: Callable[..., _OpenImagesReader]) -> None:
    with pytest.raises(DataError, match=rf"names\.csv: {message}"):
        files(names=names).record(0)


def test_names_of_classes_may_be_packed_or_wide(files: Callable[..., _OpenImagesReader]) -> None:
    for data in (gzip.compress(NAMES.encode()), NAMES.encode("utf-16")):
        reader = files()
        reader.files[1].write_bytes(data)
        assert reader.classes == ("Animal", "Cat, tame")


def test_masks_lie_in_their_folder(files: Callable[..., _OpenImagesReader]) -> None:
    for wrong in ("../images/x.png", "x\0.png"):
        mask = files(MASKS.replace("000a1249af2bc5f0_m0jbk_1.png", wrong)).record(0).things[0].mask
        assert mask is not None
        with pytest.raises(DataError, match="masks: "):
            mask()


def test_one_bad_row_of_many_is_skipped_and_reported(files: Callable[..., _OpenImagesReader]) -> None:
    head, first, *others = BOXES.splitlines()
    reader = files("\n".join([head, "", *[first] * 40, *others, "cut o"]))
    assert len(reader) == 2 and len(reader.record(1).things) == 41
    assert [damage.rpartition("/")[2] for damage in reader.damages] == [
        "table.csv:45: no ImageID of 16 hexadecimal digits"
    ]


def test_a_class_without_a_name_is_an_error(files: Callable[..., _OpenImagesReader]) -> None:
    with pytest.raises(DataError, match=r"should be a LabelName and a DisplayName, not \['/m/0jbk', ' '\]"):
        files(names="/m/0jbk, \n").names  # noqa: B018
