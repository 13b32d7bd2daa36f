"""Commands that look after runs and stores: runs, compare, clean."""

from __future__ import annotations

from pathlib import Path

from pali3kit.commands.command import Call, Command
from pali3kit.config.runtime import Runtime


def _runs(call: Call) -> int:
    from pali3kit.report.overview import print_runs

    print_runs(_path(call.arguments[0] if call.arguments else Runtime().runs))
    return 0


def _compare(call: Call) -> int:
    from pali3kit.report.comparison import compare_runs

    first, second = map(_path, call.arguments)
    compare_runs(first, second)
    return 0


def _clean(call: Call) -> int:
    from pali3kit.execution.clean import clean_store

    clean_store(_path(call.arguments[0] if call.arguments else Runtime().store), "dry-run" in call.options)
    return 0


def _path(text: str) -> Path:
    return Path(text).expanduser()


RUN_COMMANDS = {
    "runs": Command(_runs, "runs [FOLDER]", arguments=(0, 1), prints=True),
    "compare": Command(_compare, "compare RUN | OUTCOMES RUN | OUTCOMES", arguments=(2, 2), prints=True),
    "clean": Command(_clean, "clean [STORE] [--dry-run]", arguments=(0, 1), flags=("dry-run",)),
}
