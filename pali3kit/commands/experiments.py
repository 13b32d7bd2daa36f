"""Commands on experiments and their runs: run, check, plan, step, submit, report, verify, copy."""

from __future__ import annotations

import json
from pathlib import Path

from pali3kit.catalogue import BENCHMARK
from pali3kit.commands.command import Call, Command, UsageError, values_of
from pali3kit.config.attention import describe_attention
from pali3kit.config.experiments import SUFFIX, find_experiment, shipped_experiments
from pali3kit.config.grid import points
from pali3kit.config.load import load
from pali3kit.config.runtime import Runtime
from pali3kit.config.saved import EXPERIMENT, read_experiment
from pali3kit.config.schema import Experiment
from pali3kit.durable import write_atomically
from pali3kit.errors import choose, counted, nearest


def _run(call: Call) -> int:
    file = find_experiment(call.arguments[0])
    experiment = load(file, call.settings)
    from pali3kit.runner import run

    return run(experiment, file)


def _check(call: Call) -> int:
    experiment = load(find_experiment(call.arguments[0]), call.settings)
    counts = {"cell": len(points(experiment)), "seed": len(experiment.seeds), "benchmark": len(experiment.evaluate)}
    sizes = ", ".join(counted(count, word) for word, count in counts.items())
    print(f"{call.arguments[0]}: nothing wrong. {sizes}.")
    if attention := describe_attention(experiment):
        print(attention)
    return 0


def _plan(call: Call) -> int:
    experiment = load(find_experiment(call.arguments[0]), call.settings)
    if "json" in call.options:
        from pali3kit.execution.step_list import list_steps

        print(json.dumps(list_steps(experiment, call.arguments[0], call.settings), indent=1))
        return 0
    from pali3kit.execution.forecast import plan

    plan(experiment)
    return 0


def _submit(call: Call) -> int:
    experiment = load(find_experiment(call.arguments[0]), call.settings)
    from pali3kit.execution.slurm import submit

    return submit(experiment)


def _step(call: Call) -> int:
    name, label = call.arguments
    place = Path(name)
    folder = place if place.is_dir() else place.parent
    is_run = (place / EXPERIMENT).is_file() or (place.is_dir() and name not in shipped_experiments())
    if is_run or (place.name == EXPERIMENT and not (folder / "scales").exists()):
        if call.settings:
            raise UsageError(f"{place} is the experiment of a run, in which {call.settings[0]} overrides nothing.")
        experiment = read_experiment(folder)
    else:
        experiment = load(find_experiment(name), call.settings)
    from pali3kit.execution.launched import run_step

    return run_step(experiment, label)


def _report(call: Call) -> int:
    """Of a run folder, of an outcomes file, or of as much of an experiment as its store has; nothing is run."""
    place = Path(call.arguments[0])
    is_run = place.is_dir() and ((place / EXPERIMENT).is_file() or str(place) not in shipped_experiments())
    if call.arguments[1:] and not all(each.endswith(".json") for each in call.arguments):
        raise UsageError("only outcomes files can be joined to one report: report PART.json PART.json ...")
    if is_run and call.settings:
        raise UsageError(f"{place} is not an experiment file, so {call.settings[0]} overrides nothing.")
    shown = _shown(place, call.settings) if place.suffix == ".json" else None
    experiment = None if is_run or shown is not None else _load_reported(place, call.settings)
    from pali3kit.report import print_table, rebuild, redraw, report_store

    if experiment is not None:
        report = report_store(experiment)
    else:
        others = [Path(each) for each in call.arguments[1:]]
        report = rebuild(place) if shown is None else redraw(place, shown, others)
    print_table(report)
    return int(report.failed)


def _shown(place: Path, settings: list[str]) -> list[str]:
    """The benchmarks that a report of an outcomes file is to show, `evaluate=[probe,coco]`; empty for all of them."""
    chosen = values_of(settings)
    for key, names in chosen.items():
        if key != "evaluate" or not isinstance(names, list):
            told = next(setting for setting in settings if setting.partition("=")[0] == key)
            raise UsageError(f"{place} has outcomes, of which 'evaluate=[...]' chooses benchmarks, not {told}.")
    return [BENCHMARK.find(str(name)).name for name in chosen.get("evaluate", ())]


def _load_reported(place: Path, settings: list[str]) -> Experiment:
    """The experiment of a file or a name; raises UsageError where there is neither, nor a run folder."""
    if not place.is_file() and str(place) not in shipped_experiments() and not Path(f"{place}{SUFFIX}").is_file():
        near = [str(found) for found in place.parent.glob("*")] if place.parent.is_dir() else []
        raise UsageError(f"no run folder '{place}', outcomes file or experiment.{nearest(str(place), near)}")
    return load(find_experiment(str(place)), settings)


def _verify(call: Call) -> int:
    place = Path(call.arguments[0] if call.arguments else Runtime().store)
    if not place.exists() and str(place) in shipped_experiments():
        place = find_experiment(str(place))
    if not place.exists():
        raise UsageError(f"no store, run folder or experiment '{place}'.")
    experiment = load(place, call.settings) if place.is_file() else None
    if call.settings and experiment is None:
        raise UsageError(f"{place} is not an experiment file, so {call.settings[0]} overrides nothing.")
    from pali3kit.runner import verify

    return int(verify(place, experiment) > 0)


def _copy(call: Call) -> int:
    """Copy a shipped experiment and the scales beside it. Files that exist are kept; the experiment must not exist."""
    name, shipped = call.arguments[0].removesuffix(SUFFIX), shipped_experiments()
    if name not in shipped:
        raise UsageError(f"unknown experiment '{name}'.{choose(name, shipped)}")
    source, folder = shipped[name], Path(call.arguments[1] if len(call.arguments) > 1 else ".")
    target = folder / source.name
    if target.exists():
        raise UsageError(f"{target} exists already: copy into another folder, as in `copy {name} FOLDER`.")
    (folder / "scales").mkdir(parents=True, exist_ok=True)
    for scale in sorted((source.parent / "scales").glob(f"*{SUFFIX}")):
        own = folder / "scales" / scale.name
        if not own.exists():
            write_atomically(own, scale.read_bytes())
            print(f"wrote {own}")
        else:
            print(f"kept {own}, {'the same' if own.read_bytes() == scale.read_bytes() else 'which differs'}")
    write_atomically(target, source.read_bytes())
    print(f"wrote {target}. Change it, then run it: pali3kit run {target}")
    return 0


EXPERIMENT_COMMANDS = {
    "run": Command(_run, "FILE | NAME [key=value ...]", settings="experiment"),
    "check": Command(_check, "check FILE | NAME [key=value ...]", settings="experiment"),
    "plan": Command(
        _plan, "plan FILE | NAME [--json] [key=value ...]", settings="experiment", flags=("json",), prints=True
    ),
    "submit": Command(_submit, "submit FILE | NAME [key=value ...]", settings="experiment"),
    "step": Command(
        _step, "step FILE | NAME | RUN_FOLDER LABEL [key=value ...]", arguments=(2, 2), settings="experiment"
    ),
    "report": Command(
        _report,
        "report RUN_FOLDER | OUTCOMES... | FILE | NAME [key=value ...]",
        arguments=(1, 99),
        settings="experiment",
    ),
    "verify": Command(
        _verify, "verify [STORE | RUN_FOLDER | FILE | NAME [key=value ...]]", arguments=(0, 1), settings="experiment"
    ),
    "copy": Command(_copy, "copy NAME [FOLDER]", arguments=(1, 2)),
}
