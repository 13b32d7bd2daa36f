from __future__ import annotations

import pytest

from pali3kit.config.experiments import shipped_experiments
from pali3kit.run import main


def test_experiments_are_listed_with_their_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "experiments"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "experiments" and [line.split()[0] for line in lines] == list(shipped_experiments())
    assert "  table6                Table 6 of PaLI-3: the image encoder alone." in lines
    assert main(["list"]) == 0
    assert capsys.readouterr().out.endswith("\n".join(["experiments", *lines, ""]))
