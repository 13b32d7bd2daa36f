"""A trained PaLI as a model of lmms-eval (0.7), which finds it by the entry point `pali3kit` in `lmms_eval.models`.

Nothing else imports this module: it needs lmms-eval, in whose environment pali3kit is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from lmms_eval.api.model import lmms

from pali3kit.errors import ConfigError, choose
from pali3kit.inference.checkpoints import STAGE_1
from pali3kit.inference.load import load_pali
from pali3kit.text.prompts import for_answer, for_caption

if TYPE_CHECKING:
    from lmms_eval.api.instance import Instance
    from lmms_eval.models.registry_v2 import ModelManifest

    from pali3kit.inference.images import ImageInputs

AT_ONCE = 64  # requests whose images are in memory together; `PaLI` divides them into batches
_TASKS = ("answer", "caption", "prompt")


def manifest() -> ModelManifest:
    """What lmms-eval registers: `--model pali3kit`."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest("pali3kit", simple_class_path=f"{__name__}.LmmsEvalPaLI")


class LmmsEvalPaLI(lmms):  # type: ignore[misc]  # lmms-eval has no types
    """Answers the requests of lmms-eval as `PaLI` answers its own, with beams and lengths of its evaluations.

    Args:
        pretrained: a run, a saved folder or a repository of the hub, as `pk.load` takes it.
        ask: what a request is. "answer": a question, which gets the prompt of questions; "caption": each is for a
            caption; "prompt": the request is the prompt, as it is.
        lines: of a request, how many are the question: tasks of lmms-eval add instructions for chat models, a line
            below it, which PaLI has never seen. 0: all of them.
        language: of answers and captions.
        checkpoint: by default the one that `PaLI.ask` or `PaLI.caption` chooses, of prompts that of stage 1 or 2.
        device: "cuda", "cpu", ...
        batch_size, max_batch_size: not used, `PaLI` chooses by the memory that a request needs.
        cell: of a run, the seed and the values of the axes of its grid: `pretrain=siglip`.
    """

    def __init__(
        self,
        pretrained: str,
        ask: Literal["answer", "caption", "prompt"] = "answer",
        lines: int = 1,
        language: str = "en",
        checkpoint: str | None = None,
        device: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        **cell: Any,
    ) -> None:
        super().__init__()
        if ask not in _TASKS:
            raise ConfigError([f"ask: unknown kind of request '{ask}'.{choose(str(ask), _TASKS)}"])
        seed = cell.pop("seed", None)
        self.pali = load_pali(pretrained, seed=None if seed is None else int(seed), device=device, **cell)
        self.kind, self.lines, self.language, self.checkpoint = ask, int(lines), language, checkpoint

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """An answer to each request, in their order, up to the first of its stopping sequences."""
        waiting, answers = iter(requests), list[str]()
        while some := list(islice(waiting, AT_ONCE)):
            found = self._answers([self._images(each) for each in some], [self._question(each) for each in some])
            answers += [_until(text, each.args[1]) for text, each in zip(found, some, strict=True)]
        return answers

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """The log-probability of each continuation in nats, and whether it is the text that PaLI itself writes."""
        results = []
        for request in requests:
            target = request.args[1]
            text = (target if isinstance(target, str) else str(target(self._doc(request)))).strip()
            images, question = self._images(request), self._question(request)
            prompt, checkpoint = self._prompt(question), self.checkpoint or STAGE_1
            score = self.pali.score(images, prompt, [text], normalize=False, checkpoint=checkpoint)
            results.append((score[0], self._answers([images], [question]) == [text]))
        return results

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        raise NotImplementedError("pali3kit answers single requests: tasks of several rounds are not supported")

    def _answers(self, images: list[ImageInputs], questions: list[str]) -> list[str]:
        if self.kind == "prompt":
            return self.pali.generate(images, questions, checkpoint=self.checkpoint or STAGE_1)
        if self.kind == "caption":
            return self.pali.caption(images, language=self.language, checkpoint=self.checkpoint)
        return self.pali.ask(images, questions, language=self.language, checkpoint=self.checkpoint)

    def _prompt(self, question: str) -> str:
        if self.kind == "prompt":
            return question
        return for_caption(self.language) if self.kind == "caption" else for_answer(question, self.language)

    def _question(self, request: Instance) -> str:
        lines = str(request.args[0]).strip().split("\n")
        return "\n".join(lines[: self.lines or None]).strip()

    def _images(self, request: Instance) -> ImageInputs:
        found = list(request.args[2](self._doc(request)))
        return found[0] if len(found) == 1 else found

    def _doc(self, request: Instance) -> Any:
        """The record that a request is about; `task_dict` holds those of all tasks."""
        *_, number, task, split = request.args
        return self.task_dict[task][split][number]


def _until(text: str, options: dict[str, Any]) -> str:
    """The text before the first stopping sequence."""
    stops = options.get("until") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0]
    return text
