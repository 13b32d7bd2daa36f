from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from inspect import cleandoc
from pathlib import Path
from textwrap import indent
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fakes import Loose

from pali3kit import __version__
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.projector.linear import LinearProjector
from pali3kit.run import COMMANDS, HELP, main
from pali3kit.text.tokenizer import Tokenizer

ROOT = Path(__file__).parents[1]
TABLE_1 = str(ROOT / "experiments" / "ablate_classif.yaml")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Stand-ins for the functions that commands call; they record their arguments."""
    made: list[tuple[Any, ...]] = []

    def stand_in(name: str, answer: Any) -> Any:
        def note(*arguments: Any) -> Any:
            made.append((name, *arguments))
            return answer

        return note

    report = SimpleNamespace(failed=True)
    answers = {
        "runner": {"run": 1},
        "execution.forecast": {"plan": None},
        "report": {"rebuild": report, "redraw": report, "report_store": report, "print_table": None},
    }
    for module, functions in answers.items():
        fake = ModuleType(f"pali3kit.{module}")
        fake.__dict__.update({name: stand_in(name, answer) for name, answer in functions.items()})
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return made


def test_a_file_runs_and_its_exit_code_is_ours(calls: list[tuple[Any, ...]]) -> None:
    assert main([TABLE_1, "seeds=[3]", "--data.train=99"]) == 1
    [(name, experiment, origin)] = calls
    assert (name, origin) == ("run", Path(TABLE_1))
    assert (experiment.seeds, experiment.data.train) == ([3], 99)


def test_overrides_may_stand_anywhere_and_run_may_be_said(calls: list[tuple[Any, ...]]) -> None:
    assert main(["seeds=[3]", "run", "scale=smoke", TABLE_1]) == 1
    assert calls[0][1].seeds == [3]
    assert calls[0][1].scale == "smoke"


def test_plan_and_report(calls: list[tuple[Any, ...]], tmp_path: Path) -> None:
    assert main(["plan", TABLE_1]) == 0
    assert main(["report", str(tmp_path)]) == 1  # a report with a failed cell
    assert [call[0] for call in calls] == ["plan", "rebuild", "print_table"]
    assert calls[1][1] == tmp_path


def test_reports_of_outcomes_and_of_what_is_done_of_an_experiment(calls: list[tuple[Any, ...]], tmp_path: Path) -> None:
    assert main(["report", str(tmp_path / "outcomes.json")]) == 1
    assert main(["report", TABLE_1, "seeds=[3]"]) == 1
    assert main(["report", "ablate_classif", "scale=smoke"]) == 1
    assert [call[0] for call in calls] == ["redraw", "print_table", *["report_store", "print_table"] * 2]
    assert calls[0][1] == tmp_path / "outcomes.json"
    assert (calls[2][1].seeds, calls[4][1].scale) == ([3], "smoke")


def test_a_folder_that_is_no_run_does_not_hide_an_experiment(
    calls: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ablate_classif").mkdir()
    monkeypatch.chdir(tmp_path)
    main(["report", "ablate_classif", "seeds=[3]"])
    assert [call[0] for call in calls] == ["report_store", "print_table"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["chek", TABLE_1], "'chek' is neither a file, a command nor a shipped experiment. Did you mean 'check'?"),
        (["check"], "missing: FILE | NAME; usage: python -m pali3kit.run check FILE | NAME [key=value ...]"),
        (["report"],
         "missing: RUN_FOLDER | OUTCOMES... | FILE | NAME; usage: python -m pali3kit.run report RUN_FOLDER"
         " | OUTCOMES... | FILE | NAME [key=value ...]"),
        (["report", ".", "seeds=[3]"], ". is not an experiment file, so seeds=[3] overrides nothing."),
        (
            ["report", "x.json", "seeds=[3]"],
            "x.json has outcomes, of which 'evaluate=[...]' chooses benchmarks, not seeds=[3].",
        ),
        (["report", "x.json", "evaluate=[kn]"], "unknown benchmark 'kn'. Did you mean 'knn'?"),
        (["step", TABLE_1],
         "missing: LABEL; usage: python -m pali3kit.run step FILE | NAME | RUN_FOLDER LABEL [key=value ...]"),
        (["show"], "missing: KIND/NAME; usage: python -m pali3kit.run show KIND/NAME"),
        (["completion", "zsh"], "'zsh' is one word too many; usage: python -m pali3kit.run completion"),
        (["help"], "'help' is neither a file, a command nor a shipped experiment. Did you mean '--help'?"),
        (["list", "visoin"], "unknown kind 'visoin'. Did you mean 'vision'?"),
        (["list", "a=1"], "'a=1' sets nothing here; usage: python -m pali3kit.run list [KIND]"),
        (["show", "vision"], "'vision' is a kind: show vision/NAME; `list vision` has the names."),
        (["show", "world"], "'world' needs its kind: 'source/world'."),
        (["show", "visoin/vit"], "unknown kind 'visoin'. Did you mean 'vision'?"),
        (["show", "vision/vti"], "unknown vision 'vti'. Did you mean 'vit'?"),
        (["show", "benchmark/caption"], "unknown benchmark 'caption'. It is called 'coco' since 0.2."),
        (["show", "stage/masks"], "unknown stage 'masks'. It is called 'mask_tokenizer' since 0.2."),
        (["check", TABLE_1, "--scale"], "--scale needs a value."),
        (["check", TABLE_1, "--scael", "smoke"], "unknown flag '--scael'. Did you mean '--scale'?"),
        (["list", "--scale", "smoke"], "'scale=smoke' sets nothing here; usage: python -m pali3kit.run list [KIND]"),
        (["--hepl"], "unknown flag '--hepl'. Did you mean '--help'?"),
        (["tokenizer", "a.txt"],
         "missing: --out, --vocabulary;"
         " usage: python -m pali3kit.run tokenizer CORPUS... --out FILE --vocabulary PIECES [--field NAME]"),
        (["tokenizer", "a.txt", "--out"], "--out needs a value."),
        (["tokenizer", "a.txt", "--otu", "b"], "unknown flag '--otu'. Did you mean '--out'?"),
        (["tokenizer", "a.txt", "--out=b", "--vocabulry=9"], "unknown flag '--vocabulry'. Did you mean 'vocabulary'?"),
        (["tokenizer", "a.txt", "--out", "b", "--vocabulary", "9k"],
         "--vocabulary should be a number of pieces, not '9k'."),
        (["tokenizer", "a.txt", "--out", "a.txt", "--vocabulary", "9"],
         "--out should be a new file in a folder that exists, not 'a.txt'."),
        (["tokenizer", "a.txt", "--out", "no/b", "--vocabulary", "9"],
         "--out should be a new file in a folder that exists, not 'no/b'."),
        (["tokenizer", "a.txt", "--out", "b", "--vocabulary", "900"],
         "reading a.txt\na.txt: No such file or directory"),
        (["check", TABLE_1, "--dry-run"], "unknown flag '--dry-run'. Did you mean '--runtime'?"),
        (["check", TABLE_1, "pretrain=siglip"],
         "command line: pretrain=siglip: pretrain is an axis of the grid, whose values count:"
         " grid.pretrain=[...] chooses them, now ['classif', 'siglip']."),
        (["check", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory."),
        (["check", TABLE_1, "pretrian=siglip"],
         "command line: pretrian=siglip: unknown key 'pretrian'. Did you mean 'pretrain'?"),
    ],
)  # fmt: skip
def test_invalid_requests_are_reported_and_exit_2(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert capsys.readouterr().err == text + "\n"


def test_a_run_folder_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    assert main(["report", str(tmp_path / "trail")]) == 2
    told = f"no run folder '{tmp_path}/trail', outcomes file or experiment. Did you mean '{tmp_path}/trial'?\n"
    assert capsys.readouterr().err == told


def test_interruption_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "check", replace(COMMANDS["check"], function=interrupt))
    assert main(["check", TABLE_1]) == 130
    assert capsys.readouterr().err == "Interrupted. The same command continues where this one stopped.\n"


def test_check_counts(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["seeds=[0,1,2]", "grid.pretrain=[random,classif,siglip]", "runtime.attention=sdpa"]
    assert main(["check", TABLE_1, *asked]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{TABLE_1}: nothing wrong. 3 cells, 3 seeds, 9 benchmarks."
    assert told[1].startswith("attention of ul2's encoder: ")


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == HELP
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pali3kit {__version__}\n"
    assert main([]) == 2
    assert all(f"  {name} " in HELP for name in COMMANDS if name != "run")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_tells_its_own_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: python -m pali3kit.run {COMMANDS[name].usage}\n\n")
    assert ("key=value overrides any key" in told) is (COMMANDS[name].settings == "experiment")


def test_help_of_a_command_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h", "list"]) == 0
    what = "list components, benchmarks and stages, and the experiments that ship"
    told = f"usage: python -m pali3kit.run list [KIND]\n\n{what}\n"
    assert capsys.readouterr().out == told


def test_a_key_may_be_written_apart_from_its_value(calls: list[tuple[Any, ...]]) -> None:
    assert main(["--scale", "smoke", TABLE_1, "--seeds", "[3]", "--grid.pretrain", "[classif]"]) == 1
    assert main(["run", TABLE_1, "--stages.vision.bias", "-3", "--baseline", "{}"]) == 1
    assert (calls[0][1].scale, calls[0][1].seeds, calls[0][1].grid) == ("smoke", [3], {"pretrain": ["classif"]})
    assert calls[1][1].stages.vision.bias == -3.0


def test_completion_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion"]) == 0
    assert "complete -o filenames -F _pali3kit pali3kit" in capsys.readouterr().out


def test_bytes_that_are_not_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", TABLE_1, "paper=\udcff"]) == 2
    told = "command line: paper=\\udcff: not valid YAML: the character 0xdcff is not allowed\n"
    assert capsys.readouterr().err == told


def test_a_tokenizer_is_trained_on_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("a red fox\n\nзайка\n", encoding="utf-8")
    Path("b.jsonl").write_text('{"said": "two dogs", "by": 3}\n', encoding="utf-8")
    words = ["tokenizer", "a.txt", "b.jsonl", "--out", "own.model", "--vocabulary", "400", "--field", "said"]
    assert main(words) == 0
    told = capsys.readouterr()
    tokenizer = Tokenizer(Path("own.model"))
    pieces = tokenizer.vocabulary.pieces
    assert told.out == f"own.model: {pieces.get_piece_size()} pieces. Experiments take it as tokenizer.file.\n"
    assert told.err == "reading a.txt, b.jsonl\ntraining on 4 lines\n"
    assert not any(map(pieces.is_byte, tokenizer.encode("two dogs зайка"))), "it has seen both files"
    assert main(["check", TABLE_1, "tokenizer.file=own.model", "tokenizer.vocabulary=null"]) == 0


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "mask_tokenizer"]) == 0
    assert capsys.readouterr().out == "mask_tokenizer\n  vqvae                 64x64 masks as 16 tokens\n"
    assert main(["list", "vision"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "hf/",
        "open_clip/",
        "timm/",
        "vit",
    ]
    assert main(["show", "vision/vit"]) == 0
    shown = capsys.readouterr().out
    assert "    allow           list[str], default []\n  sizes:\n" in shown
    assert "    G/14            width 1664, depth 48, heads 16, mlp 8192, patch 14\n" in shown
    assert main(["show", "projector/linear"]) == 0
    assert capsys.readouterr().out == (
        "projector/linear: one linear layer, as in the paper\n"
        "  from pali3kit.projector.linear:LinearProjector\n"
        + indent(cleandoc(LinearProjector.__doc__ or ""), "  ")
        + "\n  options:\n    positions        'none' | 'sine2d', default none\n"
        + "    frame_positions  'none' | 'sine', default none\n"
    )
    assert main(["show", "source/vqa"]) == 0
    told = capsys.readouterr().out
    assert "    path              str, required\n" in told
    assert "    test_annotations  str | None, default None\n" in told
    assert main(["show", "source/union"]) == 0
    assert capsys.readouterr().out.endswith("  options:\n    parts           dict[str, Component], required\n")


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["show", "vision/vit"], ["check", TABLE_1], ["check", "no.yaml"]]
)
def test_quick_answers_import_nothing_heavy(words: list[str]) -> None:
    code = (
        f"import sys; from pali3kit.run import main; main({words!r}); "
        "print(*sorted({'torch', 'lightning', 'numpy', 'rich', 'omegaconf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    interpolated = words == ["check", TABLE_1]  # 0.07 s
    assert done.stdout.splitlines()[-1] == ("omegaconf" if interpolated else "")


GATE = """
from typing import Any, Literal

class Gate:
    def __init__(
        self, vision_width: int, language_width: int, opening: float = 0.5, mode: Literal["soft", "hard"] | None = None,
        sizes: list[int] = (), *, extra: Any = None, made=object()
    ) -> None: ...
"""


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """The environment of a program with an installed plug-in whose import would fail."""
    (tmp_path / "gates-1.dist-info").mkdir()
    (tmp_path / "gates-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: gates\nVersion: 1\n")
    (tmp_path / "gates-1.dist-info" / "entry_points.txt").write_text("[pali3kit.projector]\ngate = gates:Gate\n")
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "__init__.py").write_text("from .gate import Gate\nraise RuntimeError('imported')\n")
    (tmp_path / "gates" / "gate.py").write_text(GATE)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["list", "projector"], 0, "  gate                  plug-in\n"),
        (["show", "projector/gate"], 0,
         "projector/gate: plug-in\n  from gates:Gate\n  options:\n    opening         float, default 0.5\n"
         "    mode            'soft' | 'hard' | None, default None\n    sizes           list[int], default []\n"
         "    extra           any, default None\n    made            any, default ...\n"),
        (["check", TABLE_1, "model.projector={name: gate, opening: 0.25, mode: soft}"], 0, "nothing wrong"),
        (["check", TABLE_1, "model.projector={name: gate, openning: 0.25}"], 2,
         "openning: 0.25}: unknown key 'model.projector.openning'. Did you mean 'opening'?\n"),
        (["check", TABLE_1, "model.projector={name: gate, opening: wide}"], 2,
         "model.projector.opening should be a number, not the text 'wide'.\n"),
        (["check", TABLE_1, "model.projector={name: gate, mode: loud}"], 2,
         "model.projector.mode cannot be 'loud'. Choose from hard, soft.\n"),
    ],
)  # fmt: skip
def test_plug_ins_are_known_without_importing_them(
    plugin: dict[str, str], words: list[str], status: int, told: str
) -> None:
    command = [sys.executable, "-m", "pali3kit.run", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=plugin)
    assert done.returncode == status
    assert told in done.stdout + done.stderr


def test_module_and_package_are_the_same_program() -> None:
    for module in ("pali3kit.run", "pali3kit"):
        done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, cwd=ROOT)
        assert (done.returncode, done.stdout) == (0, f"pali3kit {__version__}\n")


@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        ("list metric >&- 2>&-", 0),
        ("list metric | head -1; exit ${PIPESTATUS[0]}", 0),
        ("list metric >/dev/full", 2),  # printing is its only result
        ("verify STORE >/dev/full", 0),
        ("verify STORE 2>/dev/full >&-", 0),
    ],
)
def test_the_exit_code_does_not_depend_on_the_reader(redirected: str, code: int, whole_store: Path) -> None:
    command = f"{sys.executable} -m pali3kit.run {redirected.replace('STORE', str(whole_store))}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    lost = "standard output: No space left on device: the output is lost\n"
    assert done.stderr == (lost if ">/dev/full" in redirected and "2>" not in redirected else "")


def test_a_full_disk_is_named_by_its_path(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/runs/x/report.json")

    monkeypatch.setitem(COMMANDS, "check", replace(COMMANDS["check"], function=full))
    assert main(["check", TABLE_1]) == 2
    assert capsys.readouterr().err == "/data/runs/x/report.json: No space left on device\n"


@pytest.fixture
def whole_store(tmp_path: Path) -> Path:
    """A store with one artifact."""
    store, step = Store(tmp_path / "store"), Step("mask_tokenizer", "mask_tokenizer", Loose({}))
    store.work(step).mkdir(parents=True)
    (store.work(step) / "weights").write_bytes(b"weights")
    store.publish(step, 1.0, 1)
    return store.root


def test_verify_reads_a_store(whole_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(whole_store)]) == 0
    assert ": 1 artifact, 2 files, " in capsys.readouterr().out
    [weights] = whole_store.glob("*/weights")
    weights.write_bytes(b"weighty")
    assert main(["verify", str(whole_store)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{weights} has other bytes than were written: its sha256 differs\n") and "1 damaged." in out


def test_verify_reads_what_an_experiment_needs(whole_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", TABLE_1, "scale=smoke", f"runtime.store={whole_store}"]) == 0
    out = capsys.readouterr().out
    assert (
        ": 0 artifacts, 0 files" in out
        and "58 more artifacts of the experiment are not here: not made yet, or not needed." in out
    )


def test_verify_says_where_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        ([str(tmp_path / "no")], f"no store, run folder or experiment '{tmp_path}/no'.\n"),
        ([str(tmp_path)], f"{tmp_path} is not a store: it holds no artifacts.\n"),
        ([str(tmp_path), "a=1"], f"{tmp_path} is not an experiment file, so a=1 overrides nothing.\n"),
    ):
        assert main(["verify", *words]) == 2
        assert capsys.readouterr().err == told
