"""The tutorials run from their first cell to their last, and end with something to look at.

The notebooks with their outputs are left in build/tutorials, where the site takes the outputs from.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
jupytext = pytest.importorskip("jupytext", reason="the extra 'docs' is not installed")

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from site_pages.notebooks import executed, notebook, pages, whole_streams  # noqa: E402

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
SHOWN = ("image/png", "image/svg+xml", "text/markdown")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a reader who takes all tutorials: a later one finds the runs of those before."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.slow
@pytest.mark.parametrize("file", TUTORIALS, ids=lambda file: file.stem)
def test_tutorial_runs(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TTY_COMPATIBLE", "0")  # no progress bars in outputs, although kernels set FORCE_COLOR
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:IProgress not found")  # of tqdm, without the package ipywidgets
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder / ".jupyter"))
    made = notebook(file.read_text(encoding="utf-8"))
    client = NotebookClient(made, timeout=1800, startup_timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute()
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert any(kind in output.get("data", {}) for output in code[-1].outputs for kind in SHOWN)
    out = ROOT / "build" / "tutorials" / f"{file.stem}.ipynb"
    out.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, out)


def test_a_tutorial_is_a_notebook_and_a_page() -> None:
    """The cells are the blocks of Python and of bash, in order, with the same ids in every build."""
    bash = "```bash\nls\n```\n\n"
    made = notebook(f"# T\n\nText.\n\n```python\nx = 1\n```\n\n{bash}{bash}```console\n$ ls\n```\n")
    assert [(cell.cell_type, cell.source) for cell in made.cells] == [
        ("markdown", "# T\n\nText."), ("code", "x = 1"), *[("code", "%%bash\nls")] * 2,
        ("markdown", "```console\n$ ls\n```"),
    ]  # fmt: skip
    assert [cell.id for cell in made.cells] == [f"cell-{number}" for number in range(5)]
    assert made.metadata.kernelspec.language == "python"


def test_outputs_are_taken_over_from_the_same_cells_alone(tmp_path: Path) -> None:
    ran, file = notebook("```python\n1 + 1\n```\n"), tmp_path / "ran.ipynb"
    assert not executed(notebook("```python\n1 + 1\n```\n"), file)
    ran.cells[0].outputs = [nbformat.v4.new_output("stream", text="2\n")]
    nbformat.write(ran, file)
    same, other = notebook("```python\n1 + 1\n```\n"), notebook("```python\n1 + 2\n```\n")
    assert executed(same, file) and same.cells[0].outputs[0].text == "2\n"
    assert not executed(other, file) and not other.cells[0].outputs


def test_a_line_that_came_in_two_pieces_is_one() -> None:
    """MyST-NB, which begins a new line for each piece, gets streams whole; other outputs keep their places."""
    pieces = [("stdout", "a li"), ("stderr", "a warning\n"), ("stdout", "ne\n")]
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    shown = nbformat.v4.new_output("display_data", {"text/plain": "shown"})
    merged = whole_streams([*outputs, shown])
    assert [each.get("text") for each in merged] == ["a line\n", "a warning\n", None] and merged[2] is shown


def test_every_tutorial_has_a_page_with_a_download_and_leads_to_the_next() -> None:
    made = pages(ROOT / "docs")
    assert sorted(made) == [f"notebooks/{file.stem}.ipynb" for file in TUTORIALS] and len(TUTORIALS) == 9
    for number, (name, text) in enumerate(made.items(), 1):
        cells = nbformat.reads(text, as_version=4).cells
        assert f"<{Path(name).name}>" in cells[1].source
        assert re.match(rf"# {Path(name).stem.partition('-')[0]} \S", cells[0].source)
        following = "".join(cell.source for cell in cells if "**Next:**" in cell.source)
        assert number == len(made) or f"({sorted(made)[number].removeprefix('notebooks/')})" in following
