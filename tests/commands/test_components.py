from __future__ import annotations

from pathlib import Path

import pytest
from made_shards import pair_shards

from pali3kit.config.experiments import shipped_experiments
from pali3kit.run import main


def test_experiments_are_listed_with_their_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "experiments"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "experiments" and [line.split()[0] for line in lines] == list(shipped_experiments())
    told = [" ".join(line.split()) for line in lines]
    assert "table6 Table 6 of PaLI-3: the image encoder alone." in told
    assert main(["list"]) == 0
    assert capsys.readouterr().out.endswith("\n".join(["experiments", *lines, ""]))


def test_an_index_is_written_beside_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in {**pair_shards(2, 3), "2.tar": pair_shards(1, 3)["0.tar"][:1500]}.items():
        (tmp_path / name).write_bytes(data)
    assert main(["index", f"{tmp_path}/*.tar"]) == 0
    out, told = capsys.readouterr()
    assert out == f"{tmp_path}/pali3kit-shards.safetensors: 7 samples of 3 shards.\n"
    assert told.startswith("2.tar: damaged after ")
    assert main(["index", f"{tmp_path}/0.tar", "--out", f"{tmp_path}/x"]) == 0
    assert (tmp_path / "x").is_file() and main(["index", f"{tmp_path}/none.tar"]) == 2
