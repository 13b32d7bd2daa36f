"""Questions, captions, regions and scores, of one image or many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_pali import MemoryCheckpoints

from pali3kit.errors import ConfigError, DataError, Pali3Error
from pali3kit.images.decode import read_image
from pali3kit.inference import images as image_inputs
from pali3kit.inference.cell import RunCell
from pali3kit.inference.checkpoints import STAGE_1
from pali3kit.inference.pali import PaLI
from pali3kit.inference.regions import Region
from pali3kit.inference.run import RunCheckpoints
from pali3kit.masks.codec import RegionFormat
from pali3kit.models.pali import shift_right
from pali3kit.text import prompts

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (40 + 8 * n, 56, 3), dtype=np.uint8) for n in range(3)]
QUESTION = "how many roses?"


def test_one_question_or_several_about_one_image_or_several(pali: PaLI) -> None:
    alone = pali.ask(IMAGES[0], QUESTION)
    assert [alone] == pali.generate([IMAGES[0]], [prompts.for_answer(QUESTION)], checkpoint="vqav2")
    assert pali.ask(IMAGES[0], [QUESTION, "what is it?"])[0] == alone
    assert pali.ask(IMAGES[:2], [QUESTION, QUESTION]) == [alone, pali.ask(IMAGES[1], QUESTION)]
    assert pali.ask(IMAGES[0], []) == []
    both = pali.ask(IMAGES[:2], QUESTION)  # two images of one question
    assert pali.ask([IMAGES[:2], IMAGES[2]], [QUESTION] * 2) == [both, pali.ask(IMAGES[2], QUESTION)]


def test_another_checkpoint_or_language_can_be_asked(pali: PaLI) -> None:
    written = [prompts.for_answer(QUESTION, "de")]
    assert written == [f"Answer in DE: {QUESTION} <extra_id_0>"]
    asked = pali.ask(IMAGES[0], QUESTION, language="de", checkpoint="okvqa")
    assert [asked] == pali.generate(IMAGES[:1], written, checkpoint="okvqa")


def test_captions(pali: PaLI) -> None:
    english, german = prompts.for_caption("en"), prompts.for_caption("de")
    assert [pali.caption(IMAGES[0])] == pali.generate(IMAGES[:1], [english], checkpoint="coco")
    assert pali.caption(IMAGES, language="de") == pali.generate(IMAGES, [german] * 3)  # of stage 1, which has many
    assert pali.caption([]) == []


def test_regions_are_in_pixels_of_the_image(pali: PaLI, checkpoints: RunCheckpoints) -> None:
    [answer] = pali.generate(IMAGES[1:2], [prompts.for_region("the rose")], checkpoint="refcoco")
    box, codes = RegionFormat(checkpoints.bins).read(answer)
    assert box is not None and codes is not None  # under the grammar all answers are regions
    [region] = pali.segment(IMAGES[1], "the rose")
    assert region.text == answer and region.mask is not None and region.mask.shape == (48, 56)
    assert region.box == tuple(round(part * side) for part, side in zip(box, (48, 56, 48, 56), strict=True))
    several = pali.segment(IMAGES[:2], ["the rose"] * 2)
    assert [each.box for [each] in several] == [pali.segment(IMAGES[0], "the rose")[0].box, region.box]
    assert [each.box for [each] in pali.segment(IMAGES[:2], "the rose")] == [each.box for [each] in several]
    assert pali.draw(IMAGES[1], [region]).size == (56, 48)
    [unreadable] = pali.segment(IMAGES[1], "the rose", checkpoint="coco")
    assert unreadable.box is None and unreadable.mask is None and unreadable.text
    assert np.array_equal(np.asarray(pali.draw(IMAGES[1], [unreadable])), IMAGES[1])


def test_an_image_is_read_once_for_its_regions(pali: PaLI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(IMAGES[0]).save(file := tmp_path / "a.png")
    wanted, read = pali.segment(IMAGES[0], ["the rose", "a fox"]), list[Path]()
    monkeypatch.setattr(image_inputs, "read_image", lambda path: read.append(path) or read_image(path))
    found = pali.segment(file, ["the rose", "a fox"])
    assert [[one.box for one in each] for each in found] == [[one.box for one in each] for each in wanted]
    assert read == [file]


def test_boxes_are_of_the_upright_image(pali: PaLI, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png", exif=exif)
    upright = np.rot90(IMAGES[0], -1)
    [turned], [plain] = (
        pali.segment(tmp_path / "a.png", "the rose"),
        pali.segment(np.ascontiguousarray(upright), "the rose"),
    )
    assert turned.box == plain.box and turned.mask is not None and turned.mask.shape == upright.shape[:2]
    assert pali.draw(Image.open(tmp_path / "a.png"), [turned]).size == (40, 56)


def step_by_step(pali: PaLI, checkpoint: str, image: np.ndarray, prompt: str, answer: str) -> float:
    """The log-probability of an answer, a token at a time, without a batch."""
    source, tokenizer = pali.checkpoints, pali.checkpoints.tokenizer()
    vision, model = source.vision(checkpoint), source.model(checkpoint)
    with torch.inference_mode():
        visual = vision(vision.image_spec.prepare([image])).half().float()
        prefix = torch.tensor([tokenizer.encode(prompt, max_length=source.defaults(checkpoint).prompt_length)])
        memory, mask = model.encode(visual, vision.native_grid, prefix, torch.ones_like(prefix, dtype=torch.bool))
        ids, total = tokenizer.encode(answer, eos=True), 0.0
        for count in range(len(ids)):
            before = shift_right(torch.tensor([ids[: count + 1]]), model.language.start_id)
            states = model.language.decode_states(before, memory, mask)
            total += float(model.language.to_logits(states)[0, -1].double().log_softmax(-1)[ids[count]])
    return total


def test_scores_equal_a_computation_step_by_step(pali: PaLI) -> None:
    prompt, answers = prompts.for_answer(QUESTION), ["two", "", "a red rose and a dog", "two"]
    found = pali.score(IMAGES[0], prompt, answers, normalize=False, checkpoint="vqav2")
    wanted = [step_by_step(pali, "vqav2", IMAGES[0], prompt, answer) for answer in answers]
    lengths = [len(pali.checkpoints.tokenizer().encode(answer)) + 1 for answer in answers]
    for one, other, length in zip(found, wanted, lengths, strict=True):
        assert abs(one - other) / length < 1e-6  # of fp32 logits
    means = pali.score(IMAGES[0], prompt, answers, normalize=True, checkpoint="vqav2")
    assert means == pytest.approx([one / length for one, length in zip(found, lengths, strict=True)], rel=1e-9)
    assert pali.score(IMAGES[0], prompt, [], normalize=False) == []
    both = pali.score(IMAGES[:2], prompt, ["two"], normalize=False, checkpoint="vqav2")
    assert len(both) == 1 and both != found[:1]


def test_a_prompt_may_have_no_image_or_several(pali: PaLI) -> None:
    texts = ["Generate the <extra_id_0>"] * 3
    mixed = pali.generate([[], (IMAGES[0], IMAGES[1]), IMAGES[2]], texts)
    each = [pali.generate([one], texts[:1])[0] for one in ([], IMAGES[:2], IMAGES[2])]
    assert mixed == each and len(pali.generate([()] * 2, texts[:2])) == 2


def test_in_bf16_answers_come_without_autocast(pali: PaLI, run_folder: Path) -> None:
    half = PaLI(RunCheckpoints(RunCell.of(run_folder)), "cpu", torch.bfloat16)
    prompt = prompts.for_answer(QUESTION)
    found = half.score(IMAGES[0], prompt, ["two", "a red rose"], normalize=True)
    assert found == pytest.approx(pali.score(IMAGES[0], prompt, ["two", "a red rose"], normalize=True), abs=0.1)
    language = half._checkpoint(STAGE_1).model.language
    assert language.embed(torch.zeros(1, 1, dtype=torch.long)).dtype == torch.bfloat16
    assert len(half.segment(IMAGES[0], "the rose")) == 1
    for wrong in (torch.float16, torch.int8):
        with pytest.raises(DataError, match=r"dtype should be torch.float32 or torch.bfloat16 \(T5 overflows"):
            PaLI(pali.checkpoints, dtype=wrong)


def test_what_is_wrong_is_told(pali: PaLI) -> None:
    with pytest.raises(ConfigError, match=r"has no checkpoint 'vqav3'\. Did you mean 'vqav2'\?"):
        pali.ask(IMAGES[0], QUESTION, checkpoint="vqav3")
    with pytest.raises(DataError, match="there are 2 images and 1 prompts: each prompt needs an image"):
        pali.generate(IMAGES[:2], ["a"])
    for images, texts in (([IMAGES[0]], "a"), (IMAGES[0], ["a"])):
        with pytest.raises(DataError, match=r"a list of images and a list of prompts: \[image\], \[prompt\]"):
            pali.generate(images, texts)
    with pytest.raises(DataError, match=r"score takes a list of answers: \[answer\]"):
        pali.score(IMAGES[0], "a", "yes", normalize=True)
    for options in ({"beams": 0}, {"max_length": 0}):
        with pytest.raises(ConfigError, match=f"{next(iter(options))} should be at least 1, not 0"):
            pali.generate(IMAGES[:1], ["a"], **options)
    with pytest.raises(DataError, match=r"images\[1\]: cannot read an image from int"):
        pali.generate([IMAGES[0], 3], ["a", "b"])
    with pytest.raises(DataError, match=r"images\[0\]\[1\]: no/such.png: No such file"):
        pali.generate([[IMAGES[0], "no/such.png"]], ["a"])


class Fluent(MemoryCheckpoints):
    def languages(self) -> Sequence[str]:
        return ("de", "en", "zh")


@pytest.fixture(scope="module")
def fluent(tmp_path_factory: pytest.TempPathFactory) -> PaLI:
    return PaLI(Fluent(tmp_path_factory.mktemp("fluent")), "cpu")


def test_a_language_that_nobody_trained_is_refused(fluent: PaLI) -> None:
    assert fluent.ask(IMAGES[0], QUESTION, language="DE") == fluent.ask(IMAGES[0], QUESTION, language="de")
    told = r"^memory was not trained in the language '{}', but in de, en, zh\.{}$"
    for language, near in (("xx", ""), ("zh-cn", r" Did you mean 'zh'\?")):
        for use in (
            lambda code: fluent.ask(IMAGES[0], [QUESTION], language=code),
            lambda code: fluent.caption(IMAGES[0], language=code, checkpoint="vqav2"),
        ):
            with pytest.raises(ConfigError, match=told.format(language, near)):
                use(language)
    unknown = PaLI(MemoryCheckpoints(fluent.checkpoints.path.parent), "cpu")
    assert isinstance(unknown.ask(IMAGES[0], QUESTION, language="xx"), str), "nothing is known of its languages"


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda p: p.ask((image for image in IMAGES), QUESTION), "images[0]: cannot read an image from generator:"),
        (lambda p: p.ask(IMAGES[0], (each for each in [QUESTION])), "question should be a list of texts, not gen"),
        (lambda p: p.ask(IMAGES[0], None), "question should be a list of texts, not NoneType."),
        (lambda p: p.ask(IMAGES[0], [QUESTION, 3]), "question[1] should be a text, not int."),
        (lambda p: p.ask(IMAGES[:2], [QUESTION] * 3), "there are 2 images and 3 items of question: give one image, or"),
        (lambda p: p.ask([], QUESTION), "images[0]: the list is empty; `generate` takes prompts without an image."),
        (lambda p: p.ask(IMAGES[0], QUESTION, language=None), "language should be a text, not NoneType."),
        (lambda p: p.ask(IMAGES[0], QUESTION, checkpoint=["vqav2"]), "checkpoint should be a text, not list."),
        (lambda p: p.caption([IMAGES[0], []], checkpoint="vqav2"), "images[1]: the list is empty;"),
        (lambda p: p.caption(b"GIF", checkpoint="vqav2"), "images[0]: cannot read an image from bytes: give a PIL"),
        (lambda p: p.caption("tests", checkpoint="vqav2"), "images[0]: tests: Is a directory"),
        (lambda p: p.caption(__file__, checkpoint="vqav2"), f"images[0]: {__file__}: not an image in a known format"),
        (lambda p: p.segment([IMAGES[:2]], "a fox"), "images[0]: regions are found in one image, this is a list of 2."),
        (lambda p: p.segment(IMAGES[0], 3), "text should be a list of texts, not int."),
        (lambda p: p.generate(IMAGES[:1], (each for each in ["a"])), "prompts should be a list of texts, not gen"),
        (lambda p: p.generate(IMAGES[:1], [None]), "prompts[0] should be a text, not NoneType."),
        (lambda p: p.generate(IMAGES[:1], ["a"], checkpoint=None), "checkpoint should be a text, not NoneType."),
        (lambda p: p.generate(IMAGES[:1], ["a"], beams="2"), "beams should be a whole number, not '2'."),
        (lambda p: p.generate(IMAGES[:1], ["a"], max_length=2.5), "max_length should be a whole number, not 2.5."),
        (lambda p: p.generate([np.stack(IMAGES[:1])], ["a"]), "images[0]: this is an array uint8 [1, 40, 56, 3]: give"),
        (lambda p: p.score(IMAGES[0], ["a"], ["b"], normalize=True), "prompt should be a text, not list."),
        (lambda p: p.score(IMAGES[0], "a", ["b", None], normalize=True), "answers[1] should be a text, not NoneType."),
        (lambda p: p.score(IMAGES[0], "a", {"b"}, normalize=True), "answers should be a list of texts, not set."),
        (lambda p: p.score(IMAGES[0], "a", ["b"], normalize="no"), "normalize should be True or False, not 'no'."),
        (lambda p: p.draw(IMAGES[0], [[Region("a")]]), "regions[0] should be a Region, not list: draw takes the list"),
        (lambda p: p.draw(IMAGES[0], Region("a")), "regions should be a list of regions, not Region."),
        (lambda p: p.draw(IMAGES[:1], [Region("a")]), "image: cannot read an image from list: give"),
        (lambda p: p.draw(IMAGES[0], [Region("a", (1, 2, 3))]), "regions[0]: its box should be (y0, x0, y1, x1), not"),
        (lambda p: p.draw(IMAGES[0], [Region("a", None, np.ones((40, 56)))]), "regions[0]: its mask should be"),
    ],
)  # fmt: skip
def test_arguments_of_another_kind_are_named(use: Callable[[PaLI], object], told: str, fluent: PaLI) -> None:
    with pytest.raises(Pali3Error) as refused:
        use(fluent)
    assert str(refused.value).startswith(told)


def test_lengths_and_beams_are_the_evaluations_unless_others_are_asked_for(pali: PaLI) -> None:
    prompt = [prompts.for_caption("en")]
    [whole] = pali.generate(IMAGES[:1], prompt, max_length=32, beams=2)
    assert pali.generate(IMAGES[:1], prompt) == [whole]
    [cut] = pali.generate(IMAGES[:1], prompt, max_length=3)
    assert 0 < len(cut) < len(whole)


def test_it_says_what_it_is(pali: PaLI) -> None:
    assert repr(pali).endswith("pali3 (seed 0): multimodal, coco, vqav2, okvqa, refcoco; on cpu)")
