"""Whether the benchmarks of a run have test examples, which is found out before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.errors import DataError
from pali3kit.plan.content import why_too_few
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.plan.step import Step


def require_examples(steps: Sequence[Step]) -> None:
    """Raise DataError where a benchmark has too few test examples, before anything is trained.

    Checked are the evaluations in `steps`, the steps that will run, if their model is trained by one of `steps` and
    their source reads files (`plan.content.why_too_few`).
    """
    running = {step.digest for step in steps}
    for step in steps:
        config = step.config
        if not isinstance(config, Config) or step.parents["model"].digest not in running:
            continue
        if problem := why_too_few(config.source, config.benchmark, config.bins, config.test, config.task):
            raise DataError(problem)
