"""The choice of one cell of a run's grid, by values as reports show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pali3kit.config.grid import resolve
from pali3kit.config.saved import read_experiment
from pali3kit.config.schema import Experiment
from pali3kit.config.written import written
from pali3kit.errors import ConfigError, DataError, choose
from pali3kit.plan.cell import GridCell
from pali3kit.plan.graph import Graph, axis_label, build, value_label


@dataclass(frozen=True)
class RunCell:
    """A cell of the run in `folder`: of its `experiment`, in the `graph` of its steps. It is found without torch.

    Attributes:
        name: for messages, `runs/pali3 (siglip, seed 0)`.
    """

    folder: Path
    experiment: Experiment
    graph: Graph
    cell: GridCell
    name: str

    @classmethod
    def of(cls, folder: Path, seed: int | None = None, point: Mapping[str, object] | None = None) -> RunCell:
        """The cell of `seed` (by default the first) at `point`, as `choose_cell` takes them.

        Raises:
            DataError: the folder is no run, or its data is not where its experiment says, seen from here.
            ConfigError: there is no such cell, or several are left.
        """
        experiment = read_experiment(folder)
        try:
            graph = build(experiment)
        except DataError as error:
            raise DataError(
                f"{error} {folder} can be used in the working folder in which it ran, as paths of data are relative to"
                " that; what `save_pretrained` writes there needs no data."
            ) from error
        cell, label = choose_cell(graph, experiment, folder, seed, point or {})
        return cls(folder, experiment, graph, cell, f"{folder} ({label})")

    @cached_property
    def alone(self) -> Experiment:
        """The experiment of this cell, without a grid."""
        return resolve(self.experiment, self.cell.point)


def choose_cell(
    graph: Graph, experiment: Experiment, folder: Path, seed: int | None, point: Mapping[str, object]
) -> tuple[GridCell, str]:
    """The cell of `seed` (by default the first) at `point`, and how it is told from others: `siglip, seed 0`.

    A point maps the last word of an axis, or its dotted key, to a value, as text or as in YAML; components by their
    names. A key that is no axis must have the value that the whole experiment has. `folder` names the run in errors.

    Raises:
        ConfigError: an axis or a value does not exist, or several cells are left; choices are listed.
    """
    if seed is not None and seed not in experiment.seeds:
        raise ConfigError([f"{folder} has no seed {seed}.{choose(str(seed), map(str, experiment.seeds))}"])
    wanted = experiment.seeds[0] if seed is None else seed
    cells = [cell for cell in graph.cells if cell.seed == wanted]
    for name, value in point.items():
        axis = _axis(experiment, folder, name, value)
        if axis is None:
            continue
        fitting = [cell for cell in cells if _label(value) in _names(cell.point[axis])]
        if not fitting:
            known = map(value_label, experiment.grid[axis])
            raise ConfigError([f"{folder} has no {name} {_label(value)}.{choose(_label(value), known)}"])
        cells = fitting
    if len(cells) > 1:
        left = {key: dict.fromkeys(value_label(cell.point[key]) for cell in cells) for key in experiment.grid}
        choices = "; ".join(f"{axis_label(key)}: {', '.join(each)}" for key, each in left.items() if len(each) > 1)
        raise ConfigError([f"{folder} has {len(cells)} models. Choose one by {choices}."])
    [cell] = cells
    return cell, ", ".join([*(value_label(value) for value in cell.point.values()), f"seed {cell.seed}"])


def _axis(experiment: Experiment, folder: Path, name: str, value: object) -> str | None:
    """The axis of a name; None for a setting that is no axis and has this value."""
    axes = [key for key in experiment.grid if name in (key, axis_label(key), key.rpartition(".")[2])]
    exact = [key for key in axes if key == name]
    if len(axes) > 1 and not exact:
        raise ConfigError([f"{folder} has several axes '{name}': {', '.join(axes)}. Give the whole key."])
    if axes:
        return (exact or axes)[0]
    setting = _setting(experiment, name)
    if setting is None:
        known = ", ".join(experiment.grid) or "none"
        raise ConfigError([f"{folder} has no axis '{name}'; its axes: {known}.{choose(name, experiment.grid)}"])
    if _label(value) not in _names(setting):
        raise ConfigError([f"{folder} has {name} {value_label(setting)} alone, not {_label(value)}."])
    return None


def _setting(experiment: Experiment, name: str) -> object:
    """The value at a dotted key of the experiment; None where there is none."""
    found: object = written(experiment)
    for word in name.split("."):
        found = found.get(word) if isinstance(found, Mapping) else None
    return found


def _label(value: object) -> str:
    return value_label(value).lower()


def _names(value: object) -> set[str]:
    """What a value is called, in lower case: a component by its name, too."""
    own = {str(value["name"]).lower()} if isinstance(value, Mapping) and "name" in value else set()
    return {_label(value), *own}
