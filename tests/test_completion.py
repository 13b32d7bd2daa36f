from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pali3kit.completion import completion_script
from pali3kit.run import COMMANDS


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["ch"], "check check-data"),
        (["ablate_cl"], "ablate_classif"),
        (["check", "public/siglip_b"], "public/siglip_b16"),
        (["copy", "tabl"], "table2 table4 table5 table6 table7 table8"),
        (["ask", "runs/x", "a.png", "data.r"], ""),
        (["list", "vi"], "vision"),
        (["show", "source/vq"], "source/vqa"),
        (["check", "x.yaml", "runtime.p"], "runtime.parallel_stages= runtime.precision= runtime.profiler="),
        (["plan", "x.yaml", "zzz"], ""),
        (["report", "runtime.r"], ""),
    ],
)
def test_bash_completes(words: list[str], completions: str) -> None:
    line = " ".join(["pali3kit", *words])
    script = completion_script(COMMANDS)
    shell = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _pali3kit; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == completions and done.stderr == ""


def test_names_with_spaces_are_one_word_for_strict_shells_too(tmp_path: Path) -> None:
    (tmp_path / "my file.yaml").touch()
    asked = 'COMP_WORDS=(pali3kit check "$1"); COMP_CWORD=2; _pali3kit; printf "%s;" "${COMPREPLY[@]-}"'
    call = f"{completion_script(COMMANDS)}\n{asked}"
    for word, completions in {"my": "my file.yaml;", "zzz": ";"}.items():
        shell = ["bash", "--norc", "-u", "-c", call, "bash", word]
        done = subprocess.run(shell, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert done.stdout == completions and done.stderr == ""
