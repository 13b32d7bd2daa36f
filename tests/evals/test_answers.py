"""Generated answers are in order, do not depend on the batch size, and fit a device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import T5ForConditionalGeneration

from pali3kit.config.shapes import LanguageShape
from pali3kit.data.task import Example
from pali3kit.evals import answers as module
from pali3kit.evals.batches import TOKENS
from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLIModel
from pali3kit.projector.linear import LinearProjector
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.weights.export import export_language


def test_batches_do_not_change_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_tokenizer([f"what is this number {i} ?" for i in range(50)], tmp_path / "t.model", 400)
    tokenizer = Tokenizer(tmp_path / "t.model", codes=4, sentinels=2)
    torch.manual_seed(0)
    language = UL2(len(tokenizer), width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    model = PaLIModel(None, LinearProjector(12, 16), language)
    tokens = torch.randn(7, 4, 12)
    examples = [Example((i,), "what is this ?" + " really" * i, "") for i in range(7)]
    seen: list[int] = []
    arguments = (model, tokenizer, examples, tokens.__getitem__, (2, 2), 40, 6, 1, None, seen.append)
    together = module.generate_answers(*arguments)
    assert module.generate_answers(*arguments, max_tokens=2 * (4 + 40 + 6)) == together
    monkeypatch.setattr(module, "BATCH", 3)
    assert module.generate_answers(*arguments) == together
    assert len(set(together)) > 1 and seen == [7, 2, 4, 6, 7, 3, 6, 7]
    no = tokenizer.encode("number")
    constrained = module.generate_answers(*arguments[:-2], lambda ids: torch.arange(len(tokenizer))[None] == no[0])
    assert set(constrained) == {tokenizer.decode(no[:1] * 6)}


class Wide:
    """A stand-in for PaLI: its projector keeps all tokens, or a number of them."""

    def __init__(self, kept: int | None = None) -> None:
        self.projector, self.kept = self, kept

    def out_tokens(self, grid: tuple[int, int]) -> int:
        return self.kept or grid[0] * grid[1]


def size(side: int, beams: int = 1, images: int = 1, kept: int | None = None, max_tokens: int = 0) -> int:
    """Examples of images with `side` x `side` tokens, with prompts and targets of 128."""
    return module.examples_per_batch(Wide(kept), (side, side), images, 128, 128, beams, max_tokens)  # type: ignore[arg-type]


@pytest.mark.parametrize("beams", [1, 2, 8])
@pytest.mark.parametrize("pixels", [224, 448, 812, 1064])
def test_batches_of_the_3b_model_fit_80_gib(pixels: int, beams: int) -> None:
    shape, side, weights = LanguageShape.of("3B"), pixels // 14, 5.63e9  # with ViT-G/14
    per_token = 2 * shape.decoder_depth * shape.heads * shape.head_width + 3 * shape.mlp + 6 * shape.width
    examples, tokens = size(side, beams), side**2 + 128 + beams * 128

    def gibi(rows: int, fp32: bool) -> float:
        return (weights * (4 if fp32 else 6) + rows * tokens * per_token * (4 if fp32 else 2)) / 2**30

    assert examples >= 1
    assert max(gibi(examples, fp32) for fp32 in (True, False)) < 60, (
        "the rest for logits, the vision encoder, fragments"
    )
    assert examples == 128 or gibi(2 * (examples + 1), True) > 60  # not much smaller than it must be
    assert pixels < 812 or gibi(128, True) > 80, "what a batch of 128 needs"


def test_a_batch_has_an_example_and_at_most_so_many_images_and_tokens() -> None:
    assert size(76) == 10 and size(4) == 128
    assert size(76, max_tokens=100) == 1 and size(16, max_tokens=3 * 512) == 3
    assert size(16, images=16) == 8 and size(1, images=300) == 1 and size(1, images=0) == 128
    assert size(76, kept=64) == 11, "the vision encoder reads all tokens"
    assert size(4, beams=100) == TOKENS // (16 + 128 + 100 * 128) == 5


def small(folder: Path) -> tuple[PaLIModel, Tokenizer]:
    train_tokenizer([f"what is this number {i} ?" for i in range(50)], folder / "t.model", 400)
    tokenizer = Tokenizer(folder / "t.model", codes=4, sentinels=2)
    torch.manual_seed(0)
    language = UL2(len(tokenizer), width=16, encoder_depth=2, decoder_depth=2, heads=2, head_width=8, mlp=24)
    return PaLIModel(None, LinearProjector(12, 16), language).eval(), tokenizer


ANSWERS = [["number 7", "", "what is"], [], ["is this number 3 4 5 6 ?"]]


def test_scores_equal_transformers_loss(tmp_path: Path) -> None:
    """The loss of T5 is the mean over the tokens of an answer, its end included, as with `normalize`."""
    model, tokenizer = small(tmp_path)
    export_language(model.language, tmp_path / "t5")
    peer = T5ForConditionalGeneration.from_pretrained(tmp_path / "t5").eval()
    tokens, examples = torch.randn(3, 4, 12), [Example((n,), "what is this ?" + " is" * n, "") for n in range(3)]
    found = module.score_answers(model, tokenizer, examples, ANSWERS, tokens.__getitem__, (2, 2), 40, normalize=True)
    assert [len(each) for each in found] == [3, 0, 1]
    for number, example in enumerate(examples):
        visual = model.projector(tokens[number][None], (2, 2))
        prompt = model.language.embed(torch.tensor([tokenizer.encode(example.prompt)]))
        for answer, score in zip(ANSWERS[number], found[number], strict=True):
            labels = torch.tensor([tokenizer.encode(answer, eos=True)])
            with torch.no_grad():
                loss = peer(inputs_embeds=torch.cat([visual, prompt], 1), labels=labels).loss
            assert score == pytest.approx(-float(loss), abs=1e-5)


def test_scores_do_not_depend_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = small(tmp_path)
    tokens, examples = torch.randn(3, 4, 12), [Example((n,), "what is this ?" + " is" * n, "") for n in range(3)]
    arguments = (model, tokenizer, examples, ANSWERS, tokens.__getitem__, (2, 2), 40, False)
    together = module.score_answers(*arguments)
    assert module.score_answers(*arguments, max_tokens=1)[2] == pytest.approx(together[2], abs=1e-5)
    calls: list[tuple[int, ...]] = []
    original = module.log_probabilities

    def counted(language: UL2, memory: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        calls.append((len(memory), *targets.shape))
        return original(language, memory, mask, targets)

    monkeypatch.setattr(module, "log_probabilities", counted)
    monkeypatch.setattr(module, "LOGITS", 2 * 12 * len(tokenizer))
    few = module.score_answers(*arguments)
    for one, other in zip(few, together, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert len(calls) > 3 and all(targets * length <= 2 * 12 for _, targets, length in calls)


def test_no_answers_have_no_scores(tmp_path: Path) -> None:
    model, tokenizer = small(tmp_path)
    arguments = (model, tokenizer, [Example((), "a", "")], [[]], lambda numbers: torch.zeros(0, 4, 12), (2, 2), 40)
    assert module.score_answers(*arguments, normalize=True) == [[]]
