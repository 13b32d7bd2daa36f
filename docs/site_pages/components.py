"""A page for every kind of component, benchmark and stage, from the registries: what `list` and `show` print."""

from __future__ import annotations

from pathlib import Path

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK, CATALOGUES
from pali3kit.config.experiments import shipped_experiments
from pali3kit.describe import describe_component

HEAD = """\
# Components, benchmarks, experiments

What `pali3kit list` lists and `pali3kit show KIND/NAME` shows, by kind. A package of
your own [adds more](../../plugins.md).

```{toctree}
:maxdepth: 1

"""


def pages(_: Path) -> dict[str, str]:
    """A page for each kind, one for the experiments, and their index."""
    found = {f"reference/components/{kind}.md": _kind(kind) for kind in CATALOGUES}
    found["reference/components/experiments.md"] = _experiments()
    names = [*(kind for kind in CATALOGUES), "experiments"]
    return {**found, "reference/components/index.md": HEAD + "\n".join(names) + "\n```\n"}


def _kind(kind: str) -> str:
    entries = [entry for entry in CATALOGUES[kind].entries() if entry.built_in]
    rows = [f"| [`{entry.name}`](#{_label(kind, entry.name)}) | {_cell(entry.summary)} |" for entry in entries]
    lines = [f"# {kind}", "", "| name | |", "|---|---|", *rows, ""]
    for entry in entries:
        lines += [f"({_label(kind, entry.name)})=", f"## `{entry.name}`", ""]
        if kind == BENCHMARK.kind:
            lines += _benchmark(BENCHMARK.find(entry.name))
        lines += ["```text", describe_component(kind, entry), "```", ""]
    return "\n".join(lines)


def _label(kind: str, name: str) -> str:
    """A label of a heading that is unique on the site, as a name is not: `retrieval` is a benchmark and a stage."""
    return f"{kind}-{name.strip('/')}".replace("_", "-").replace(".", "-")


def _benchmark(benchmark: Benchmark) -> list[str]:
    """What a benchmark measures, where and how, in a table."""
    titles = ", ".join(column.title for column in benchmark.columns)
    facts = {
        "columns": f"{titles}, in {benchmark.unit}{', lower is better' if benchmark.lower_is_better else ''}",
        "measures": "answers that PaLI generates" if benchmark.generated else benchmark.scored,
        "metric": f"[`{benchmark.metric}`](metric.md)" if benchmark.metric else "",
        "task of the source": f"`{benchmark.task}`" if benchmark.task else "",
        "public sets, below `data.root`": "<br>".join(
            f"{public.title}: `{public.component}`, " + ", ".join(f"`{path}`" for _, path in public.paths)
            for public in benchmark.public
        ),
        "how": benchmark.setting,
    }
    return ["| | |", "|---|---|", *(f"| {fact} | {_cell(text)} |" for fact, text in facts.items() if text), ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("{", "\\{").replace("\n", " ")


def _experiments() -> str:
    """The shipped experiments: the first line of each, and its text."""
    lines = ["# experiments", "", "`pali3kit run NAME` runs one, `pali3kit copy NAME` copies it to be changed.", ""]
    for name, file in shipped_experiments().items():
        text = file.read_text(encoding="utf-8")
        lines += [f"## {name}", "", text.partition("\n")[0].lstrip("# "), "", "```yaml", text.rstrip(), "```", ""]
    return "\n".join(lines)
