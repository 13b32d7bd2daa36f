"""VQAv2 and OKVQA, TextVQA, VQ2A."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.readers import vqa as reading
from pali3kit.data.readers.vqa import _create, _VqaReader
from pali3kit.data.readers.vqa_questions import image_names
from pali3kit.data.record import Asked
from pali3kit.errors import DataError
from pali3kit.metrics.vqa import answer_score

QUESTIONS = {
    "info": {}, "task_type": "Open-Ended", "data_type": "mscoco", "data_subtype": "train2014",
    "questions": [
        {"image_id": 458752, "question": "What is this photo taken looking through?", "question_id": 458752000},
        {"image_id": 458752, "question": "What color is his shirt?", "question_id": 458752001},
    ],
}  # fmt: skip
ANNOTATIONS = {
    "annotations": [
        {"question_id": 458752001, "image_id": 458752, "question_type": "what color", "answer_type": "other",
         "multiple_choice_answer": "orange",
         "answers": [{"answer": a, "answer_confidence": "yes", "answer_id": 1} for a in ("red", "orange", "orange")]},
        {"question_id": 458752000, "answers": [{"answer": "net"}]},
    ],
}  # fmt: skip
TEXTVQA = {
    "dataset_type": "train", "dataset_name": "textvqa",
    "data": [
        {"question": "what is the brand?", "image_id": "0054c9", "image_classes": [],
         "answers": ["nous", "nous", "dakota"], "question_tokens": [], "question_id": 34602, "set_name": "train"},
    ],
}  # fmt: skip
VQ2A = {
    "dataset": "maverics_coco", "split": "minival2014",
    "annotations": [
        {"image_id": "42", "caption": "a shoe",
         "qa_pairs": [{"question_id": "42_0", "raw_question": "Was ist das?", "question": "was ist das?",
                       "answers": ["shoe"] * 10}]},
    ],
}  # fmt: skip


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_vqav2(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "images/train2014/COCO_train2014_000000458752.jpg", shade=4)
    questions, answers = write(tmp_path / "q.json", QUESTIONS), write(tmp_path / "a.json", ANNOTATIONS)
    source = _create(questions, str(tmp_path / "images"), answers, test=questions, test_annotations=answers)
    record = source.record("train", 0)
    assert source.size("train") == 1 and source.image("train", 0).max() == 4
    assert record.questions == (
        Asked("What is this photo taken looking through?", ("net",), id=458752000),
        Asked("What color is his shirt?", ("orange", "orange", "red"), id=458752001),
    )
    tested = [source.record("test", number) for number in range(source.size("test"))]  # accuracy is by question
    assert [record.questions for record in tested] == [(question,) for question in record.questions]


def test_minival_is_the_end_of_val_and_the_rest_is_trained_on(
    tmp_path: Path, image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MINIVAL", 3)
    for split, numbers in (("train2014", (1, 2)), ("val2014", (3, 3, 4, 4, 5))):
        entries = [{"question_id": 10 * n + i, "image_id": n, "question": f"{n}?"} for i, n in enumerate(numbers)]
        write(tmp_path / f"{split}-q.json", {"data_subtype": split, "questions": entries})
        answered = [{**entry, "answers": [{"answer": "a"}]} for entry in entries]
        write(tmp_path / f"{split}-a.json", {"annotations": answered})
        for number in numbers:
            image(tmp_path / f"images/{split}/COCO_{split}_{number:012}.jpg", shade=number)

    def made(test_split: Any) -> AnnotatedSource:
        train, val = ([str(tmp_path / f"{split}-{of}.json") for of in "qa"] for split in ("train2014", "val2014"))
        options = {"test": val[0], "test_annotations": val[1], "test_split": test_split}
        return _create(train[0], str(tmp_path / "images"), train[1], **options)

    def asked(source: AnnotatedSource, split: str) -> list[str]:
        records = [source.readers[split].record(number) for number in range(source.size(split))]
        assert all(record.read_image() for record in records)
        return [question.text for record in records for question in record.questions]

    val, minival = made("val"), made("minival")
    assert asked(val, "train") == ["1?", "2?"] and asked(val, "test") == ["3?", "3?", "4?", "4?", "5?"]
    assert asked(minival, "train") == ["1?", "2?", "3?", "3?"] and asked(minival, "test") == ["4?", "4?", "5?"]
    assert minival.digest != val.digest
    monkeypatch.setattr(reading, "MINIVAL", 9)
    assert asked(made("minival"), "train") == ["1?", "2?"] and len(asked(made("minival"), "test")) == 5
    questions, answers = str(tmp_path / "train2014-q.json"), str(tmp_path / "train2014-a.json")
    server = _create(questions, str(tmp_path / "images"), answers, test=questions, test_split="minival")
    with pytest.raises(DataError, match=r"train2014-q\.json has no answers, as minival.*: set test_split to val\."):
        server.size("test")  # else a tenth of the server's questions would be submitted


def test_textvqa(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "0054c9.jpg")
    record = _VqaReader(write(tmp_path / "q.json", TEXTVQA), str(tmp_path)).record(0)
    assert (
        record.questions == (Asked("what is the brand?", ("nous", "nous", "dakota"), id=34602),) and record.read_image()
    )


def test_vq2a_in_another_language(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "COCO_val2014_000000000042.jpg")
    record = _VqaReader(write(tmp_path / "q.json", VQ2A), str(tmp_path), language="de").record(0)
    assert record.questions == (Asked("was ist das?", ("shoe",) * 10, "de", id="42_0"),) and record.read_image()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (QUESTIONS, r"q\.json has questions only: `annotations` should name the file with their answers"),
        ({"date": []}, r"q\.json: no field 'annotations'\."),
        ({"data": [{"image_id": None, "question": "a", "answers": ["b"]}]},
         r"q\.json: data\[0\]: 'image_id' should be a whole number or a name, not nothing\."),
        ({"data": [{"image": 3, "question": "a", "answers": ["b"]}]},
         r"q\.json: data\[0\]: 'image' should be a text, not the number 3\."),
        ({"data": [{"image_id": "3", "questoin": "a", "answers": ["b"]}]},
         r"q\.json: data\[0\]: no field 'question'\. Did you mean 'questoin'\?"),
        ({"data": [{"image_id": "3", "question": "a", "answers": ["b", 1]}]},
         r"q\.json: data\[0\]: answers\[1\] should be a text, not the number 1\."),
        ({"data": [{"image_id": "3", "question": "a", "answers": [" "]}]}, r"q\.json: no question with an answer"),
        ({"data": [{"image_id": "3", "question": "a", "answers": []}]}, r"q\.json: no question with an answer"),
        ({"data": [{"image_id": "3", "question": " ", "answers": ["b"]}]}, r"q\.json: no question with an answer"),
        ({"data": [{"image_id": "3", "question": "a"}]}, r"q\.json: no question with an answer"),
        ([{"image": "3.jpg", "question": "a"}], r"q\.json: no question with an answer"),
        ({"data": [{"image_id": "3", "question": "a", "answers": None}]},
         r"q\.json: data\[0\]: 'answers' should be a list, not nothing\."),
        ([3], r"q\.json: \[0\]: this should be a mapping, not the number 3\."),
        ("x", r"q\.json: this should be a mapping, not the text 'x'\."),
        ({"annotations": [{"image_id": "a", "qa_pairs": [{"question": "b"}]}]},
         r"q\.json: annotations\[0\]: qa_pairs\[0\]: no field 'answers'\."),
    ],
)  # fmt: skip
def test_malformed_files(tmp_path: Path, content: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        len(_VqaReader(write(tmp_path / "q.json", content), str(tmp_path)))


def test_questions_and_answers_that_do_not_belong_together(tmp_path: Path) -> None:
    few = {"annotations": ANNOTATIONS["annotations"][:1]}
    questions, answers = write(tmp_path / "q.json", QUESTIONS), write(tmp_path / "a.json", few)
    with pytest.raises(DataError, match=r"q\.json: questions\[0\]: question_id 458752000 is not in .*a\.json"):
        len(_VqaReader(questions, str(tmp_path), answers))


def test_both_splits_of_vqav2_may_be_trained_on(tmp_path: Path, image: Callable[..., Path]) -> None:
    for shade, split in enumerate(("train2014", "val2014")):
        image(tmp_path / f"{split}/COCO_{split}_{458752 + shade:012}.jpg", shade=shade)
        known = {"question_id": shade, "image_id": 458752 + shade}
        asked = {"data_subtype": split, "questions": [{**known, "question": f"what {shade}?"}]}
        write(tmp_path / f"q_{split}.json", asked)
        write(tmp_path / f"a_{split}.json", {"annotations": [{**known, "answers": [{"answer": split}]}]})
    reader = _VqaReader(str(tmp_path / "q_*.json"), str(tmp_path), str(tmp_path / "a_*.json"))
    assert [reader.record(n).questions[0].answer for n in range(len(reader))] == ["train2014", "val2014"]
    assert reader.record(1).read_image() == (tmp_path / "val2014/COCO_val2014_000000458753.jpg").read_bytes()
    assert not reader.damages
    with pytest.raises(DataError, match=r"a_train2014\.json: annotations\[0\]: 'question_id' 0 is already that of "):
        write(tmp_path / "a_copy.json", {"annotations": [{"question_id": 0, "answers": [{"answer": "b"}]}]})
        len(_VqaReader(str(tmp_path / "q_*.json"), str(tmp_path), str(tmp_path / "a_[ct]*.json")))


def test_a_test_file_without_answers_is_read_for_its_questions(tmp_path: Path) -> None:
    unanswered = {"data": [{"question_id": 3 + n, "image_id": "a", "question": f"what {n}?"} for n in range(2)]}
    for content in (unanswered, unanswered["data"]):
        reader = read(tmp_path, content, split="test")
        assert [reader.record(n).questions for n in range(len(reader))] == [
            (Asked(f"what {n}?", (), id=3 + n, hidden=True),) for n in range(2)
        ]
        with pytest.raises(DataError, match="no question with an answer"):
            len(read(tmp_path, content))
    reader = read(tmp_path, QUESTIONS, split="test")  # those of VQAv2's test have no file of annotations
    assert [reader.record(n).questions[0].id for n in range(len(reader))] == [458752000, 458752001]
    assert reader.record(0).questions[0].hidden


def test_one_question_without_answers_among_others_is_left_out(tmp_path: Path) -> None:
    given = {"data": [{"image_id": "a", "question": "what?", "answers": ["b"]}, {"image_id": "a", "question": "who?"}]}
    reader = read(tmp_path, given, split="test")
    assert len(reader) == 1 and damages(reader) == ["data[1]: a question without answers is left out, one of 1"]


def read(folder: Path, content: Any, annotations: Any = None, **options: Any) -> _VqaReader:
    answers = write(folder / "a.json", annotations) if annotations is not None else None
    return _VqaReader(write(folder / "q.json", content), str(folder), answers, **options)


def damages(reader: _VqaReader) -> list[str]:
    len(reader)
    return [damage.partition(".json: ")[2] for damage in reader.damages]


def test_an_empty_answer_is_an_annotator_and_no_target(tmp_path: Path) -> None:
    """The official accuracies over all ten: 0.9 of a third of them, 0.3 of one."""
    given = {"data": [
        {"image_id": "a", "question": "which brand?", "answers": [" ", *["coke", "pepsi", ""] * 3]},
        {"image_id": "b", "question": "which?", "answers": [{"answer": text} for text in ("", "pepsi", *[" "] * 8)]},
    ]}  # fmt: skip
    source = AnnotatedSource(read(tmp_path, given), read(tmp_path, given, split="test"))
    answers = [source.record("test", number).questions[0].answers for number in (0, 1)]
    assert answers == [("coke",) * 3 + ("pepsi",) * 3 + ("",) * 4, ("pepsi", *[""] * 9)]
    assert [answer_score("pepsi", found) for found in answers] == pytest.approx([0.9, 0.3])
    for name, field in (("vqa", "target"), ("vqg", "prompt")):
        drawn = [source.task(name, 9).draw("test", n, np.random.default_rng(0)) for n in (0, 1)]
        found = [getattr(example, field) for example in drawn if example is not None]
        assert [text.removeprefix("Generate a question in EN for ").partition(":")[0] for text in found] == [
            "coke", "pepsi",
        ]  # fmt: skip
    assert {"which brand?", "which?", "coke", "pepsi"} == {*source.sentences(0, 9), *source.held_out(9)}


def test_questions_without_words_or_answers_are_counted(tmp_path: Path) -> None:
    asked = [
        {"image_id": "a", "question": " \n", "answers": ["b"]},
        {"image_id": "a", "question": "who?", "answers": ["", " "]},
        {"image_id": "a", "question": "when?", "answers": []},
        {"image_id": "a", "question": "hidden?"},
        {"image_id": "a", "question": "what?", "answers": ["b"]},
    ]
    reader = read(tmp_path, {"data": asked})
    assert reader.record(0).questions == (Asked("what?", ("b",)),)
    assert damages(reader) == [
        "data[0]: a blank question is left out, one of 1",
        "data[1]: a question that nobody answered is left out, one of 2",
        "data[3]: a question without answers is left out, one of 1",
    ]


def test_vizwiz(tmp_path: Path, image: Callable[..., Path]) -> None:
    """A list; in its test file no question has answers."""
    image(tmp_path / "VizWiz_train_00000001.jpg")
    answers = [{"answer_confidence": "yes", "answer": text} for text in ("unsuitable", "can", "can")]
    entry = {
        "image": "VizWiz_train_00000001.jpg", "question": "What's this?", "answers": answers, "answer_type": "other",
        "answerable": 1,
    }  # fmt: skip
    record = read(tmp_path, [entry]).record(0)
    assert record.questions == (Asked("What's this?", ("can", "can", "unsuitable")),) and record.read_image()


def test_a_okvqa(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "000000299207.jpg")
    entry = {
        "split": "train", "image_id": 299207, "question_id": "22MexNkBPpdZGX6sxbxVBH", "question": "What is he by?",
        "choices": ["skateboard", "car"], "correct_choice_idx": 1, "direct_answers": ["ditch", "ditch", "car"],
        "difficult_direct_answer": False, "rationales": ["x"],
    }  # fmt: skip
    record = read(tmp_path, [entry]).record(0)
    assert (
        record.questions == (Asked("What is he by?", ("ditch", "ditch", "car"), id="22MexNkBPpdZGX6sxbxVBH"),)
        and record.read_image()
    )


def test_docvqa(tmp_path: Path, image: Callable[..., Path]) -> None:
    """Its images are PNGs, in a folder or not."""
    image(tmp_path / "xnbl0037_1.png")
    entry = {
        "questionId": 337, "question": "what is the date?", "image": "documents/xnbl0037_1.png", "docId": 279,
        "ucsf_document_id": "xnbl0037", "answers": ["1/8/93"], "data_split": "train",
    }  # fmt: skip
    record = read(tmp_path, {"dataset_name": "docvqa", "dataset_version": "1.0", "data": [entry]}).record(0)
    assert record.questions == (Asked("what is the date?", ("1/8/93",), id=337),) and record.read_image()


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".png", ".webp", ".JPG", ".gif"])
@pytest.mark.parametrize("stem", ["42", "COCO_val2014_000000000042", "COCO_train2014_000000000042", "000000000042"])
def test_images_are_found_with_any_extension_and_release(
    tmp_path: Path, image: Callable[..., Path], stem: str, ending: str
) -> None:
    image(tmp_path / f"{stem}{ending}")
    for number in ("42", 42):
        assert (
            read(tmp_path, {"data": [{"image_id": number, "question": "a", "answers": ["b"]}]}).record(0).read_image()
        )
        vq2a = {"annotations": [{"image_id": number, "qa_pairs": [{"question": "a", "answers": ["b"]}]}]}
        assert read(tmp_path, vq2a).record(0).read_image()
        asked = {"questions": [{"question_id": 1, "image_id": number, "question": "a"}], "data_subtype": "val2014"}
        said = {"annotations": [{"question_id": 1, "answers": [{"answer": "b"}]}]}
        assert read(tmp_path, asked, said).record(0).read_image()


def test_a_name_with_its_extension(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "a.b.png")
    for name in ("a.b", "a.b.png", "x/a.b"):
        assert read(tmp_path, {"data": [{"image_id": name, "question": "a", "answers": ["b"]}]}).record(0).read_image()


def vqa(count: int = 40) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = [{"question_id": n, "image_id": n // 2, "question": f"q{n}"} for n in range(count)]
    said = [{"question_id": n, "image_id": n // 2, "answers": [{"answer": f"a{n}"}]} for n in range(count)]
    return {"questions": asked}, {"annotations": said}


@pytest.mark.parametrize(("which", "name"), [(0, "questions"), (1, "annotations")])
def test_duplicate_question_ids(tmp_path: Path, which: int, name: str) -> None:
    files = vqa()
    files[which][name].append(files[which][name][3] | {"question": "other", "answers": []})
    with pytest.raises(DataError, match=rf"{name}\[40\]: 'question_id' 3 is already that of .*{name}\[3\]"):
        len(read(tmp_path, *files))


def test_ids_without_references_may_be_equal(tmp_path: Path) -> None:
    asked = [{"question_id": 0, "image_id": "a", "question": f"q{n}", "answers": ["b"]} for n in range(3)]
    assert [question.text for question in read(tmp_path, {"data": asked}).record(0).questions] == ["q0", "q1", "q2"]


@pytest.mark.parametrize("number", [float("nan"), None, []])
def test_questions_without_an_image_are_skipped(tmp_path: Path, number: Any) -> None:
    asked, said = vqa()
    asked["questions"][4]["image_id"] = number
    said["annotations"][7]["image_id"] = number
    reader = read(tmp_path, asked, said)
    assert len(reader.record(2).questions) == 1 and len(reader.damages) == 1
    assert "questions[4]: 'image_id' should be a whole number or a name" in reader.damages[0]
    with pytest.raises(DataError, match=r"annotations\[7\]: 'image_id' should be a whole number or a name"):
        reader.record(3)


def test_too_many_questions_without_an_image_are_an_error(tmp_path: Path) -> None:
    asked, said = vqa()
    for number in (4, 9, 30):
        del asked["questions"][number]["image_id"]
    with pytest.raises(DataError, match=r"questions\[4\]: none of the fields image_id, .* 2 more of 40"):
        len(read(tmp_path, asked, said))


def test_answers_for_other_images_and_unknown_questions(tmp_path: Path) -> None:
    asked, said = vqa()
    said["annotations"][3]["image_id"] = 9
    said["annotations"].append({"question_id": 99, "answers": []})
    reader = read(tmp_path, asked, said)
    assert len(reader) == 20 and len(reader.record(2).questions) == 2
    with pytest.raises(DataError, match=r"questions\[3\]: 'image_id' is 1 here, but 9 in .*a\.json: annotations\[3\]"):
        reader.record(1)
    assert damages(reader) == [
        f"annotations[40]: an answer to a question that {tmp_path}/q.json does not have is left out, one of 1"
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"question": None}, r"data\[7\]: 'question' should be a text"),
        ({"answers": ["a", float("nan")]}, r"data\[7\]: answers\[1\] should be a text, not the number nan"),
        ({"answers": [{"answr": "a"}]}, r"data\[7\]: answers\[0\]: no field 'answer'. Did you mean 'answr'"),
        ({"image_id": []}, r"data\[7\]: 'image_id' should be a whole number or a name"),
    ],
)
def test_one_bad_question_of_many_is_reported_alone(tmp_path: Path, change: Any, expected: str) -> None:
    asked = [{"image_id": f"p{n}", "question": "a", "answers": ["b"], **(change if n == 7 else {})} for n in range(200)]
    reader = read(tmp_path, {"data": asked})
    assert len(reader) == (199 if "image_id" in change else 200)
    assert reader.record(len(reader) - 1).questions == (Asked("a", ("b",)),)
    if "image_id" in change:
        assert re.search(expected, reader.damages[0])
    else:
        with pytest.raises(DataError, match=expected):
            reader.record(7)


def test_all_paths_of_an_image_are_looked_up() -> None:
    names = image_names({"image": "7.jpg", "file_path": "coco-text/7.jpg"}, "q.json: data[0]")
    assert names == ("7.jpg", "coco-text/7.jpg")
