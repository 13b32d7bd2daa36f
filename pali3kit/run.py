"""The command line: run, check, plan or report an experiment, list components, and further commands.

Heavy modules are imported in the commands that need them: `check`, `list`, `show` and `--help` do not import torch.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pali3kit import __version__
from pali3kit.catalogue import CATALOGUES
from pali3kit.completion import completion_script
from pali3kit.config.attention import describe_attention
from pali3kit.config.grid import points
from pali3kit.config.kinds import VARIABLES, exists, keys
from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, read_experiment
from pali3kit.config.schema import Experiment, Runtime
from pali3kit.config.suggestions import new_key, new_name
from pali3kit.describe import describe_component
from pali3kit.errors import Pali3Error, choose, nearest
from pali3kit.streams import failsafe_output

HELP = """\
usage: python -m pali3kit.run [COMMAND] ARGUMENTS [key=value ...]

  FILE                 run an experiment, a YAML file: all of its stages that are not done yet
  check FILE           list all problems of an experiment, without running anything
  plan FILE            show the stages: which are done, which will run and why, how long it should take
  step FILE LABEL      make one stage that `plan` shows, as one rank of torchrun, srun, a PyTorchJob, or alone
  report RUN_FOLDER    write the report of a finished run again
  verify [WHAT]        verify all artifacts of a store (default: runs/store), a run folder or a FILE, byte by byte
  check-data FILE      say what is in a .jsonl file of your own: --images FOLDER --out PAGE --decode
  tokenizer CORPUS...  train a vocabulary: --out FILE --vocabulary PIECES; --field NAME: the text of .jsonl
  list [KIND]          list components, benchmarks and stages
  show KIND/NAME       show one of them and its options
  completion           print a completion script for bash and zsh: eval "$(pali3kit completion)"

key=value overrides any key of the file, with dots for nested ones and the value in YAML:
  python -m pali3kit.run experiments/ablate_classif.yaml scale=smoke 'seeds=[0,1,2]'
An override may also be written --key=value or --key value. Further flags: --help, --version.
"""

OVERRIDE = re.compile(r"(?:--)?([A-Za-z_][\w.]*=.*)", re.DOTALL)


class _UsageError(Pali3Error):
    """The command line is invalid."""


@dataclass(frozen=True, slots=True)
class _Command:
    """A command. `prints`: printing is its only purpose, so that lost output is a failure.

    `arguments` is the least and the greatest number of arguments, `overrides` whether key=value is allowed, `options`
    the keys that may be written `--key value`.
    """

    function: Callable[[list[str], list[str]], int]
    usage: str
    arguments: tuple[int, int] = (1, 1)
    overrides: bool = True
    options: tuple[str, ...] = ()
    prints: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code: 0 success, 1 a stage failed, 2 an invalid command line or experiment."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with failsafe_output() as output:
        code = _answer(words)
        sys.stdout.flush()
        if output is None or output.error is None or isinstance(output.error, BrokenPipeError):
            return code  # a reader such as `head` may close the pipe early
        print(f"standard output: {output.error.strerror}: the output is lost", file=sys.stderr)
        return code or (2 if COMMANDS[_verb(words)].prints else 0)


def _answer(words: list[str]) -> int:
    try:
        return _dispatch(words)
    except Pali3Error as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. The same command continues where this one stopped.", file=sys.stderr)
        return 130
    except OSError as error:  # for instance a folder without write permission, or a full disk
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2


def _dispatch(words: list[str]) -> int:
    words = _joined(words)
    name = _verb(words)
    command = COMMANDS[name]
    overrides = [found[1] for word in words if (found := OVERRIDE.fullmatch(word))]
    rest = [word for word in words if not OVERRIDE.fullmatch(word)]
    if "--version" in rest:
        print(f"pali3kit {__version__}")
        return 0
    if not rest or {"-h", "--help"} & set(rest):
        print(HELP if name not in rest else _help(name), end="")
        return 0 if rest else 2
    if unknown := [word for word in rest if word.startswith("-")]:
        flags = [*map("--{}".format, command.options), "--help", "--version"]
        near = new_key(unknown[0].removeprefix("--")) if command.overrides else ""
        if command.overrides and not near:
            near = nearest(unknown[0], [*flags, *map("--{}".format, keys(Experiment))])
        raise _UsageError(f"unknown flag '{unknown[0]}'.{near or choose(unknown[0], flags)}")
    if rest[0] == name:
        del rest[0]
    if name == "run" and rest and not Path(rest[0]).suffix and not Path(rest[0]).exists():
        raise _UsageError(f"'{rest[0]}' is neither a file nor a command.{choose(rest[0], set(COMMANDS) - {'run'})}")
    low, high = command.arguments
    if len(rest) > high:
        raise _UsageError(f"'{rest[high]}' is no key=value; usage: python -m pali3kit.run {command.usage}")
    if len(rest) < low or (overrides and not command.overrides):
        raise _UsageError(f"usage: python -m pali3kit.run {command.usage}")
    return command.function(rest, overrides)


def _verb(words: Sequence[str]) -> str:
    """The name of the command."""
    plain = [word for word in words if not word.startswith("-") and not OVERRIDE.fullmatch(word)]
    return plain[0] if plain and plain[0] in COMMANDS else "run"


def _joined(words: list[str]) -> list[str]:
    """Join `--key value` to `--key=value`, for the options of commands and the keys of experiments."""
    options = {option for command in COMMANDS.values() for option in command.options}
    joined: list[str] = []
    ahead = iter("--decode=true" if word == "--decode" else word for word in words)
    for word in ahead:
        key = word.removeprefix("--")
        if word.startswith("--") and (key in options or exists(Experiment, key) or key.startswith(f"{VARIABLES}.")):
            value = next(ahead, None)
            if value is None:
                raise _UsageError(f"{word} needs a value.")
            word = f"{word}={value}"
        joined.append(word)
    return joined


def _help(name: str) -> str:
    """The usage of a command, and its line in `HELP`."""
    begin = "  FILE " if name == "run" else f"  {name} "
    line = next(line for line in HELP.splitlines() if line.startswith(begin))
    text = re.split(r" {2,}", line.strip(), maxsplit=1)[1]
    more = "\n" + HELP[HELP.index("key=value overrides") :] if COMMANDS[name].overrides else ""
    return f"usage: python -m pali3kit.run {COMMANDS[name].usage}\n\n{text}\n{more}"


def _run(arguments: list[str], overrides: list[str]) -> int:
    experiment = load(arguments[0], overrides)
    from pali3kit.runner import run

    return run(experiment, Path(arguments[0]))


def _check(arguments: list[str], overrides: list[str]) -> int:
    experiment = load(arguments[0], overrides)
    counts = {"cell": len(points(experiment)), "seed": len(experiment.seeds), "benchmark": len(experiment.evaluate)}
    sizes = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
    print(f"{arguments[0]}: nothing wrong. {sizes}.")
    if attention := describe_attention(experiment):
        print(attention)
    return 0


def _plan(arguments: list[str], overrides: list[str]) -> int:
    experiment = load(arguments[0], overrides)
    from pali3kit.execution.forecast import plan

    plan(experiment)
    return 0


def _step(arguments: list[str], overrides: list[str]) -> int:
    place, label = Path(arguments[0]), arguments[1]
    folder = place if place.is_dir() else place.parent
    if place.is_dir() or (place.name == EXPERIMENT and not (folder / "scales").exists()):
        if overrides:
            raise _UsageError(f"{place} is the experiment of a run, in which {overrides[0]} overrides nothing.")
        experiment = read_experiment(folder)
    else:
        experiment = load(place, overrides)
    from pali3kit.execution.launched import run_step

    return run_step(experiment, label)


def _report(arguments: list[str], _: list[str]) -> int:
    folder = Path(arguments[0])
    if not folder.is_dir():
        raise _UsageError(f"no run folder '{folder}'.{nearest(str(folder), map(str, folder.parent.glob('*')))}")
    from pali3kit.report import print_table, rebuild

    report = rebuild(folder)
    print_table(report)
    return int(report.failed)


def _verify(arguments: list[str], overrides: list[str]) -> int:
    place = Path(arguments[0] if arguments else Runtime().store)
    if not place.exists():
        raise _UsageError(f"no store, run folder or experiment '{place}'.")
    experiment = load(place, overrides) if place.is_file() else None
    if overrides and experiment is None:
        raise _UsageError(f"{place} is not an experiment file, so {overrides[0]} overrides nothing.")
    from pali3kit.runner import verify

    return int(verify(place, experiment) > 0)


def _check_data(arguments: list[str], settings: list[str]) -> int:
    from pali3kit.report.own_data import print_survey

    return print_survey(arguments[0], dict(each.split("=", 1) for each in settings))


def _tokenizer(arguments: list[str], settings: list[str]) -> int:
    given, command = dict(each.split("=", 1) for each in settings), COMMANDS["tokenizer"]
    if unknown := [key for key in given if key not in command.options]:
        raise _UsageError(f"unknown flag '--{unknown[0]}'.{choose(unknown[0], command.options)}")
    if not {"out", "vocabulary"} <= given.keys():
        raise _UsageError(f"usage: python -m pali3kit.run {command.usage}")
    if not re.fullmatch(r"[0-9]{1,9}", given["vocabulary"]):
        raise _UsageError(f"--vocabulary should be a number of pieces, not '{given['vocabulary']}'.")
    out = Path(given["out"]).expanduser()
    if not out.parent.is_dir() or out.is_dir() or out in map(Path, arguments):
        raise _UsageError(f"--out should be a new file in a folder that exists, not '{out}'.")
    from pali3kit.text.plain import read_sentences
    from pali3kit.text.tokenizer import Tokenizer, train_tokenizer

    print(f"reading {', '.join(arguments)}", file=sys.stderr)
    sentences = list(read_sentences(map(Path, arguments), given.get("field", "text")))
    print(f"training on {len(sentences)} lines", file=sys.stderr)
    train_tokenizer(sentences, out, int(given["vocabulary"]))
    print(f"{out}: {Tokenizer(out).vocabulary.pieces.get_piece_size()} pieces. Experiments take it as tokenizer.file.")
    return 0


def _list(arguments: list[str], _: list[str]) -> int:
    for kind in arguments or CATALOGUES:
        if kind not in CATALOGUES:
            raise _UsageError(_unknown_kind(kind))
        entries = CATALOGUES[kind].entries()
        width = max([22, *(len(entry.name) + 2 for entry in entries)])
        print(kind)
        for entry in entries:
            print(f"  {entry.name:<{width}}{entry.wrong or entry.summary}")
    return 0


def _unknown_kind(kind: str) -> str:
    return f"unknown kind '{kind}'.{new_name('kind', kind) or choose(kind, CATALOGUES)}"


def _show(arguments: list[str], _: list[str]) -> int:
    kind, slash, name = arguments[0].partition("/")
    if kind not in CATALOGUES:
        meant = [f"'{each}/{kind}'" for each, one in CATALOGUES.items() if not slash and kind in one.names()]
        raise _UsageError(f"'{kind}' needs its kind: {' or '.join(meant)}." if meant else _unknown_kind(kind))
    if not slash:
        raise _UsageError(f"usage: python -m pali3kit.run {COMMANDS['show'].usage}")
    if renamed := new_name(kind, name):
        raise _UsageError(f"unknown {kind} '{name}'.{renamed}")
    print(describe_component(kind, CATALOGUES[kind].describe(name)))
    return 0


def _completion(_: list[str], __: list[str]) -> int:
    print(completion_script(COMMANDS), end="")
    return 0


COMMANDS = {
    "run": _Command(_run, "FILE [key=value ...]"),
    "check": _Command(_check, "check FILE [key=value ...]"),
    "plan": _Command(_plan, "plan FILE [key=value ...]", prints=True),
    "step": _Command(_step, "step FILE | RUN_FOLDER LABEL [key=value ...]", arguments=(2, 2)),
    "report": _Command(_report, "report RUN_FOLDER", overrides=False),
    "verify": _Command(_verify, "verify [STORE | RUN_FOLDER | FILE [key=value ...]]", arguments=(0, 1)),
    "check-data": _Command(_check_data, "check-data FILE [--images FOLDER] [--out PAGE] [--decode]",
                           options=("images", "out", "decode")),
    "tokenizer": _Command(_tokenizer, "tokenizer CORPUS... --out FILE --vocabulary PIECES [--field NAME]",
                          arguments=(1, sys.maxsize), options=("out", "vocabulary", "field")),
    "list": _Command(_list, "list [KIND]", arguments=(0, 1), overrides=False, prints=True),
    "show": _Command(_show, "show KIND/NAME", overrides=False, prints=True),
    "completion": _Command(_completion, "completion", arguments=(0, 0), overrides=False, prints=True),
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
