"""Commands that use a trained model: ask, caption, segment, predict, evaluate."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pali3kit.catalogue import BENCHMARK
from pali3kit.commands.command import Call, Command, UsageError, values_of
from pali3kit.commands.scores import print_scores
from pali3kit.config.hub_id import may_be_on_hub, nearest_folder
from pali3kit.config.load import overridden
from pali3kit.config.saved import EXPERIMENT, read_experiment
from pali3kit.config.saved_pali import (
    CONFIG_FILE,
    GENERATION_FILE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    SavedPaLI,
    is_saved,
)
from pali3kit.durable import sha256_of, write_atomically
from pali3kit.errors import choose, counted, nearest
from pali3kit.streams import new_console

if TYPE_CHECKING:
    from pali3kit.config.schema import Experiment
    from pali3kit.inference.cell import RunCell
    from pali3kit.inference.pali import PaLI

_NO_AXES = ("place", "device", "dtype")  # other arguments of `load_pali`
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def _ask(call: Call) -> int:
    place, image, question = call.arguments
    image, language = _image(image), call.options.get("language", "en")
    print(open_model(place, call, language).ask(image, question, language=language, **_checkpoint(call)))
    return 0


def _caption(call: Call) -> int:
    place, image = call.arguments[0], _image(call.arguments[1])
    language = call.options.get("language", "en")
    print(open_model(place, call, language).caption(image, language=language, **_checkpoint(call)))
    return 0


def _segment(call: Call) -> int:
    place, image, text = call.arguments
    image, out = _image(image), Path(os.path.expanduser(call.options.get("out", "")))
    if "out" in call.options:
        _require_drawing(out, image)
    pali = open_model(place, call)
    regions = pali.segment(image, text, **_checkpoint(call))
    for region in regions:
        if region.box is None:
            print(f"no region can be read from the answer '{region.text}'", file=sys.stderr)
            continue
        pixels = "no mask" if region.mask is None else f"a mask of {int(region.mask.sum())} pixels"
        print(f"box {' '.join(map(str, region.box))} (y0 x0 y1 x1), {pixels}: {region.text}")
    if not any(region.box for region in regions):
        return 1
    if "out" in call.options:
        drawn = io.BytesIO()
        pali.draw(image, regions).save(drawn, _FORMATS[out.suffix.lower()])
        write_atomically(out, drawn.getvalue())
        print(f"wrote {out}")
    return 0


def _predict(call: Call) -> int:
    place, source = call.arguments[0], Path(call.arguments[1])
    out = Path(os.path.expanduser(call.options["out"]))
    if not source.is_file():
        raise UsageError(f"there is no file '{source}'.")
    if not out.parent.is_dir() or out.is_dir() or (out.exists() and out.samefile(source)):
        raise UsageError(f"--out should be a file in a folder that exists, and not the one that is read: '{out}'.")
    _require_model(place)
    from pali3kit.commands.predict import Predictions

    checkpoint = call.options.get("checkpoint")
    seed = [f"seed={call.options['seed']}"] if "seed" in call.options else []
    given = [*sorted(call.settings), *seed, *([f"checkpoint={checkpoint}"] if checkpoint else [])]
    predictions = Predictions(source, out, " ".join([place, *_content(Path(place)), *given]))
    if predictions.left:
        there = f"; {out} has {predictions.done} answers" if predictions.done else ""
        print(f"{counted(predictions.left, 'line')} to answer{there}", file=sys.stderr)
        pali = open_model(place, call)
        if checkpoint and checkpoint not in pali.checkpoints.names:
            raise UsageError(f"{place} has no checkpoint '{checkpoint}'.{choose(checkpoint, pali.checkpoints.names)}")
        predictions.make(pali, checkpoint)
    print(predictions.summary(), file=sys.stderr)
    return int(bool(predictions.failures))


def _evaluate(call: Call) -> int:
    place, name = call.arguments
    benchmark, out = BENCHMARK.find(name), Path(os.path.expanduser(call.options.get("out", f"runs/evaluate/{name}")))
    if not benchmark.generated:
        generated = ", ".join(each.name for each in BENCHMARK.all() if each.generated)
        raise UsageError(f"'{name}' does not score answers that PaLI generates, as these do: {generated}.")
    if out.exists():
        raise UsageError(f"{out} exists already: choose another folder by --out.")
    _require_model(place)
    folder = _folder(place)
    settings, overrides = _split(call.settings, folder)
    point, seed = _point(settings), _seed(call.options)
    cell = _cell(folder, point, seed)
    experiment = _measured(folder, cell, name, overrides)
    pali = _load(str(folder), cell, point, seed)
    from rich.progress import Progress

    from pali3kit.inference.evaluator import Evaluator

    beams = experiment.evaluation.beams if any(each.startswith("evaluation.beams=") for each in overrides) else None
    evaluator = Evaluator(pali.checkpoints, name, experiment, call.options.get("checkpoint"), beams)
    asked, limit = evaluator.config, ""
    if asked.limit < asked.test:
        limit = f", {asked.limit} of {asked.test} test examples: evaluation.limit"
    print(f"{asked.label}: checkpoint {evaluator.checkpoint} of {pali.checkpoints.name}{limit}", file=sys.stderr)
    console = new_console(error=True)
    with Progress(console=console, transient=True, disable=not console.is_interactive) as progress:
        bar = progress.add_task("answers")
        evaluator.publish(out, lambda done, total: progress.update(bar, completed=done, total=total))
    print_scores(out, name, evaluator.config.label)
    return 0


def _folder(place: str) -> Path:
    """The folder of a model; that of a repository of the hub is downloaded."""
    if Path(place).is_dir():
        return Path(place)
    _tell_hub(place)
    from pali3kit.inference.hub import download

    return download(place)


def _content(folder: Path) -> list[str]:
    """The beginning of a digest of what a run or a saved folder is; nothing for a hub id."""
    described = [folder / name for name in (EXPERIMENT, CONFIG_FILE, GENERATION_FILE, PREPROCESSING_FILE)]
    files = [file for file in described if file.is_file()]
    return [sha256_of(*files)[:12]] if files else []


def _split(settings: Sequence[str], folder: Path) -> tuple[list[str], list[str]]:
    """Settings that choose a cell, and those that override what an experiment measures on, and how.

    An axis of a run's grid chooses a cell, `data.ocr.words` too.
    """
    axes = read_experiment(folder).grid if (folder / EXPERIMENT).is_file() else {}
    own = [each for each in settings if each.startswith(("data.", "evaluation.", "runtime."))]
    overrides = [each for each in own if each.partition("=")[0] not in axes]
    return [each for each in settings if each not in overrides], overrides


def _measured(folder: Path, cell: RunCell | None, benchmark: str, overrides: Sequence[str]) -> Experiment:
    """The experiment of a run's cell, or the recipe of a saved folder, with the benchmark alone."""
    if cell is not None:
        experiment, where = cell.alone, str(folder / EXPERIMENT)
    elif (folder / RECIPE_FILE).is_file():
        experiment, where = read_experiment(folder, RECIPE_FILE), str(folder / RECIPE_FILE)
    else:
        raise UsageError(f"{folder} has neither {EXPERIMENT} nor {RECIPE_FILE}, which say how to measure.")
    alone = [f"evaluate=[{benchmark}]", "grid={}", "baseline={}", "published={}"]
    alone += ["data.validation=0", "data.cache=true"]  # nothing is trained: images to train on are not even counted,
    alone += ["evaluation.after=[multimodal]"]  # and what the answering transfer learnt from need not be there
    return overridden(experiment, where, [*alone, *overrides])


def _cell(folder: Path, point: Mapping[str, object], seed: int | None) -> RunCell | None:
    """The cell that is chosen of a run; None for a folder that is none."""
    if not (folder / EXPERIMENT).is_file():
        return None
    from pali3kit.inference.cell import RunCell

    return RunCell.of(folder, seed, point)


def open_model(place: str, call: Call, language: str = "en") -> PaLI:
    """The model, after its checks without torch; one of the hub tells which languages it knows when it is opened."""
    _require_model(place)
    point, seed, folder = _point(call.settings), _seed(call.options), Path(place)
    cell = _cell(folder, point, seed)
    if language != "en":
        from pali3kit.inference.languages import known_languages, require_language

        saved = SavedPaLI(folder).languages if cell is None and is_saved(folder) else ()
        require_language(language, saved if cell is None else known_languages(cell.alone), place)
    _tell_hub(place)
    return _load(place, cell, point, seed)


def _load(place: str, cell: RunCell | None, point: Mapping[str, Any], seed: int | None) -> PaLI:
    if cell is None:
        from pali3kit.inference.load import load_pali

        return load_pali(place, seed=seed, **point)
    from pali3kit.inference.pali import PaLI
    from pali3kit.inference.run import RunCheckpoints

    return PaLI(RunCheckpoints(cell))


def _require_model(place: str) -> None:
    """Raise UsageError for a place that is no folder, with the nearest one, and cannot be a repository of the hub."""
    if not Path(place).is_dir() and not may_be_on_hub(place):
        raise UsageError(f"no run folder, saved folder or hub id '{place}'.{nearest_folder(place)}")


def _tell_hub(place: str) -> None:
    """Say what is looked for on the hub, before it is."""
    if not Path(place).is_dir():
        print(f"there is no folder '{place}'.{nearest_folder(place)} Looking for it on the hub.", file=sys.stderr)


def _point(settings: Sequence[str]) -> dict[str, Any]:
    """The values, as in YAML, that choose a cell of a run."""
    for setting in settings:
        if (key := setting.partition("=")[0]) in _NO_AXES:
            raise UsageError(f"{setting}: key=value chooses a cell of a run's grid, and '{key}' is no axis of any.")
    return values_of(settings)


def _seed(options: Mapping[str, str]) -> int | None:
    seed = options.get("seed")
    if seed is not None and not re.fullmatch(r"[0-9]{1,10}", seed):
        raise UsageError(f"seed should be a number, not '{seed}'.")
    return None if seed is None else int(seed)


def _checkpoint(call: Call) -> dict[str, str]:
    return {"checkpoint": call.options["checkpoint"]} if "checkpoint" in call.options else {}


def _image(path: str) -> str:
    """The path of an image. Raises UsageError, with the nearest file, where there is none."""
    if os.path.isdir(path):
        raise UsageError(f"'{path}' is a folder, not an image: MODEL comes first, then IMAGE.")
    if not os.path.isfile(path):
        folder = Path(path).parent
        near = nearest(path, [str(each) for each in folder.glob("*") if each.is_file()]) if folder.is_dir() else ""
        raise UsageError(f"there is no image '{path}'.{near}")
    return path


def _require_drawing(out: Path, image: str) -> None:
    if out.suffix.lower() not in _FORMATS:
        raise UsageError(f"--out should end with {', '.join(_FORMATS)}, not '{out.name}'.")
    if not out.parent.is_dir() or (out.exists() and out.samefile(image)):
        raise UsageError(f"--out should be a file in a folder that exists, and not the image itself: '{out}'.")


MODEL_COMMANDS = {
    "ask": Command(
        _ask, "ask MODEL IMAGE QUESTION [--language CODE] [--checkpoint NAME] [seed=N key=value ...]", arguments=(3, 3),
        settings="cell", options=("language", "checkpoint", "seed"), prints=True,
    ),
    "caption": Command(
        _caption, "caption MODEL IMAGE [--language CODE] [--checkpoint NAME] [seed=N key=value ...]", arguments=(2, 2),
        settings="cell", options=("language", "checkpoint", "seed"), prints=True,
    ),
    "segment": Command(
        _segment, "segment MODEL IMAGE TEXT [--out DRAWING] [--checkpoint NAME] [seed=N key=value ...]",
        arguments=(3, 3), settings="cell", options=("out", "checkpoint", "seed"),
    ),
    "predict": Command(
        _predict, "predict MODEL LINES.jsonl --out ANSWERS.jsonl [--checkpoint NAME] [seed=N key=value ...]",
        arguments=(2, 2), settings="cell", options=("out", "checkpoint", "seed"), required=("out",),
    ),
    "evaluate": Command(
        _evaluate, "evaluate MODEL BENCHMARK [--out FOLDER] [--checkpoint NAME] [seed=N data.root=DIR key=value ...]",
        arguments=(2, 2), settings="cell", options=("out", "checkpoint", "seed"),
    ),
}  # fmt: skip
