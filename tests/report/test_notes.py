"""What a report says of itself without being asked."""

from __future__ import annotations

from dataclasses import replace

from pali3kit.registry import SOURCE
from pali3kit.report.embedded import CAPTIONS, PROBES, TOWER, TRAINED, WORLD
from pali3kit.report.model import Detail
from pali3kit.report.notes import LOSS, TEMPLATES, notes


def test_failures_come_first_with_reason_and_place(report):
    assert report.notes[0] == (
        "Failed: seed 0: transfer/vqa_knowledge siglip: the loss is not finite at step 7 of STORE "
        "(SigLIP / doodles/okvqa)."
    )


def test_columns_that_do_not_follow_the_paper_are_named(report):
    (note,) = [note for note in report.notes if "SigLIP against the paper" in note]
    assert note.startswith("After transfer, SigLIP against the paper: follows in Probe (8 embedded tasks), ")
    assert "does not in doodles/xm3600 (avg-35)" in note


def test_samples_that_were_left_out_are_told(report):
    assert not [note for note in report.notes if "left out" in note]
    stages = (replace(report.stages[0], label="embed/pets", kind="embed", digest=40 * "ab", skipped=3),)
    told = list(notes(replace(report, stages=stages)))
    assert "embed/pets: left out, as unreadable: 3 samples (skipped.txt of embed-abababababab)." in told


def test_published_numbers_that_nothing_stands_beside_are_told(report):
    expect = {"zero_shot.v2": {"value": 68.93, "tolerance": 0.5, "source": "a paper"}}
    told = list(notes(replace(report, config={**report.config, "published": expect})))
    assert "zero_shot.v2, published as 68.93 (a paper), is not measured: the set has no such labels." in told


def test_how_the_encoder_is_measured_is_told(report):
    config = {**report.config, "evaluate": ["probe", "knn", "zero_shot", "retrieval"]}
    parts = tuple(Detail("retrieval", f"i2t@1/{language}", {}) for language in ("de", "en"))
    told = list(notes(replace(report, config=config, details=parts)))
    chosen = config["evaluation"]
    assert (
        f"Probe: shots of each class: {chosen['shots']}; random choices of them, over which it is the mean: "
        f"{chosen['repeats']}." in told
    )
    assert "Retrieval: the mean over 2 languages." in told and "Zero-shot: the set of prompts 'clip'." in told


def test_whose_texts_a_tower_was_tuned_on_is_told(report):
    """Sets of one's own do not make the text tower one's own."""
    lit = {**report.config["stages"]["lit"], "source": {"name": "world"}}
    own = {**report.config["evaluation"], "labelled": {"name": "imagenet"}, "texts": "lit"}
    stages = {**report.config["stages"], "lit": lit}
    config = {**report.config, "evaluate": ["zero_shot"], "evaluation": own, "stages": stages}
    assert TOWER in list(notes(replace(report, config=config)))
    config["stages"] = {**stages, "lit": {**lit, "source": {"name": "pairs"}}}
    assert TOWER not in list(notes(replace(report, config=config)))


def asked(report, columns, **evaluation):
    """The notes of a report of such columns on the embedded world's data."""
    config = {**report.config, "evaluate": columns, "evaluation": {**report.config["evaluation"], **evaluation}}
    config["data"] = {**config["data"], "source": {"name": "world"}}
    return list(notes(replace(report, config=config)))


def test_only_what_is_measured_on_the_world_is_said_to_be(report):
    """An encoder and a text tower that learned from the world may be measured on somebody's own files."""
    own = {"captioned": {"name": "xm3600", "path": "a.jsonl", "images": "a"}}
    told = asked(report, ["retrieval"], **own)
    assert WORLD not in told and CAPTIONS not in told and TRAINED in told and TOWER in told
    assert not any(note.startswith("The columns are measured on the embedded world") for note in told)
    told = asked(report, ["retrieval", "probe"], **own)
    assert WORLD not in told and TRAINED not in told and PROBES in told
    told = asked(report, ["retrieval", "coco"], **own)
    assert WORLD not in told and any(
        note.startswith("Measured on the embedded world: embedded/coco: ") for note in told
    )
    assert WORLD in asked(report, ["retrieval", "probe", "coco"])
    assert WORLD not in asked(report, ["probe"], probes={"mine": {"name": "folders", "path": "a"}})


def test_what_a_plug_in_draws_is_not_said_to_be_the_papers_counterpart(report, fake_stages):
    SOURCE.add("sketches", "plug.in:Sketches", annotations=("captions",), drawn="sketches of birds")
    config = {**report.config, "evaluate": ["coco"]}

    def told(source):
        data = {**config["data"], "source": {"name": source}}
        found = list(notes(replace(report, config={**config, "data": data})))
        return [note for note in found if note.startswith("Measured on ")]

    assert told("sketches") == ["Measured on sketches: sketches/coco: sketches of birds."]
    [pages] = told("pages")
    assert pages.startswith("Measured on embedded pages: pages/coco: drawn pages of ")
    assert pages.endswith(" They are counterparts of the paper's sets, not those sets.")


def test_how_many_languages_and_images_a_mean_is_of(report):
    parts = [Detail("xm3600", f"images / {code}", {"a": n}) for code, n in (("de", 3), ("fr", 40))]
    told = list(notes(replace(report, details=parts)))
    means = "avg35 is the mean over 2 other languages, of 3 to 40 images each."
    assert f"xm3600: there are 0 images in English; {means}" in told
    parts = [Detail("xm3600@multimodal", "images / en", {"a": 500})]
    told = list(notes(replace(report, details=parts)))
    assert "xm3600@multimodal: there are 500 images in English, and none in another language." in told
    parts = [Detail("xm3600", f"images / {code}", {"a": 1}) for code in ("en", "de")]
    told = list(notes(replace(report, details=parts)))
    one = "xm3600: there is 1 image in English; avg35 is the mean over 1 other language, of 1 image each."
    assert one in told


def test_questions_with_few_answers_are_told(report):
    parts = [Detail("vqav2", "questions with one answer", {"a": 7, "b": 7})]
    parts += [Detail("textvqa", "questions with two or three answers", {"a": 2})]
    told = list(notes(replace(report, details=parts)))
    assert "vqav2: 7 questions with one answer: exact match with it, normalised, not VQA accuracy." in told
    assert "textvqa: 2 questions with two or three answers, to which VQA accuracy gives 67% at most." in told


def test_rows_near_the_control_are_named(made_up):
    run = made_up(["probe", "coco"], grid={"pretrain": ["classif", "random"]})
    assert not [note for note in run.report().notes if "not clearly above" in note]


def test_a_row_that_equals_the_control_is_named(made_up, level, monkeypatch):
    monkeypatch.setitem(level, "random", level["classif"])
    run = made_up(["coco"], grid={"pretrain": ["classif", "random"]})
    assert "After transfer, Classif is not clearly above random weights in doodles/coco." in run.report().notes


def test_few_seeds_are_admitted(report, made_up):
    assert any("fewer than 3 seeds they know nothing of the noise of training" in note for note in report.notes)
    three = made_up(["probe"], seeds=[0, 1, 2]).report()
    (note,) = (note for note in three.notes if note.startswith("Intervals: 95%, Student's t over seeds"))
    assert note.endswith("All seeds are measured on one test set: what another one would change is not in them.")


def test_what_encoders_learn_from_may_be_a_source_of_their_own(report):
    vision = {**report.config["stages"]["vision"], "source": {"name": "world"}}
    config = {**report.config, "evaluate": ["retrieval"], "stages": {**report.config["stages"], "vision": vision}}
    captioned = {"captioned": {"name": "xm3600", "path": "a.jsonl", "images": "a"}}
    config["evaluation"] = {**config["evaluation"], **captioned}
    assert TRAINED in list(notes(replace(report, config=config)))
    config["data"] = {**config["data"], "source": {"name": "world"}}
    vision["source"] = {"name": "pairs"}
    assert TRAINED not in list(notes(replace(report, config=config)))


def test_what_intervals_do_not_cover_follows_them(report):
    told = list(notes(report, ["Vision is of seed 0."]))
    told.remove("Vision is of seed 0.")
    assert told == list(report.notes)


def test_the_dagger_is_explained_where_it_is_used(report, made_up):
    assert report.notes[-1] == "† recalled, not verified against the paper."
    assert not any("†" in note for note in made_up(["probe"], paper="").report().notes)


def test_only_the_embedded_world_is_called_so(report):
    assert WORLD not in report.notes


def test_a_loss_says_which_way_is_better(report, made_up):
    assert LOSS not in report.notes
    notes = made_up(["denoising", "probe"], grid={"pretrain": ["classif", "random"]}).report().notes
    assert LOSS in notes and TEMPLATES not in notes
    assert not [note for note in notes if "not clearly above" in note], "no encoder is in it"


def test_what_regions_can_score_at_most(report):
    assert not [note for note in report.notes if note.startswith("Regions")]
    limits = [
        Detail("refcoco", "oracle", {"Classif": 71.27, "SigLIP": 71.27}),
        Detail("refcoco", "reconstruction", {"Classif": 81.06, "SigLIP": 80.5}),
        Detail("refcocog", "oracle", {"Classif": 70.0}),
        Detail("refcocog", "reconstruction", {"Classif": 80.0}),
    ]
    (note,) = [note for note in notes(replace(report, details=limits)) if note.startswith("Regions")]
    assert "score refcoco 71.3, refcocog 70.0; the mask tokenizer" in note
    assert note.endswith("64x64 crops: refcoco 80.5 to 81.1, refcocog 80.0.")


def test_how_the_weights_of_transfers_were_chosen(made_up, report):
    assert not [note for note in report.notes if "checks" in note]
    stages = {**report.config["stages"], "transfer": {**report.config["stages"]["transfer"], "num_validations": 3}}
    assert [note for note in notes(replace(report, config={**report.config, "stages": stages})) if "best of 3" in note]
