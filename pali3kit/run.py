"""The command line: run, check, plan or report an experiment, list components, and further commands.

Heavy modules are imported in the commands that need them: `check`, `list`, `show` and `--help` do not import torch.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from pali3kit import __version__
from pali3kit.commands.command import Call, Command, UsageError
from pali3kit.commands.components import COMPONENT_COMMANDS
from pali3kit.commands.demo import DEMO_COMMANDS
from pali3kit.commands.experiments import EXPERIMENT_COMMANDS
from pali3kit.commands.models import MODEL_COMMANDS
from pali3kit.commands.runs import RUN_COMMANDS
from pali3kit.completion import completion_script
from pali3kit.config.experiments import find_experiment, shipped_experiments
from pali3kit.config.kinds import VARIABLES, exists, keys
from pali3kit.config.schema import Experiment
from pali3kit.config.suggestions import new_key
from pali3kit.errors import ConfigError, Pali3Error, choose, nearest
from pali3kit.streams import failsafe_output

HELP = """\
usage: python -m pali3kit.run [COMMAND] ARGUMENTS [key=value ...]

  FILE | NAME          run an experiment, a YAML file or one that ships: all of its stages that are not done yet
  check FILE | NAME    list all problems of an experiment, without running anything
  plan FILE | NAME     show the stages: which are done, which will run and why, how long it should take; --json
  step FILE LABEL      make one stage that `plan` shows, as one rank of torchrun, srun, a PyTorchJob, or alone
  submit FILE | NAME   make the stages that are not done as jobs of SLURM, each after those that it needs
  report WHAT          write a report again: of a run folder, an outcomes.json, or of what is done of an experiment
  verify [WHAT]        verify all artifacts of a store (default: runs/store), a run folder or a FILE, byte by byte
  runs [FOLDER]        the runs in a folder (default: runs): what, when, how long, how big, complete or not
  compare A B          two runs, or outcomes files, side by side: their numbers, and what differs in them
  clean [STORE]        remove what no known run of a store needs: --dry-run tells it first
  check-data FILE      say what is in a .jsonl file of your own: --images FOLDER --out PAGE --decode
  copy NAME [FOLDER]   copy an experiment that ships, with its scales, into the working folder
  ask MODEL IMAGE "?"  answer a question about an image; MODEL: a run folder, a saved folder, a hub id
  caption MODEL IMAGE  describe an image: --language CODE
  segment MODEL IMAGE  find what a TEXT refers to, print its box: --out DRAWING
  predict MODEL FILE   answer each line of a .jsonl: --out FILE; a killed one continues
  evaluate MODEL NAME  measure a benchmark on a model: --out FOLDER; data.root=FOLDER
  demo MODEL           a page on which one or two models answer, on this machine alone: --vs OTHER, or --vs key=value
  tokenizer CORPUS...  train a vocabulary: --out FILE --vocabulary PIECES; --field NAME: the text of .jsonl
  index SHARDS         write an index of tar shards, such as s3://lab/*.tar, beside them: --out FILE
  list [KIND]          list components, benchmarks and stages, and the experiments that ship
  show KIND/NAME       show one of them and its options
  completion           print a completion script for bash and zsh: eval "$(pali3kit completion)"

key=value overrides any key of the file, with dots for nested ones and the value in YAML:
  python -m pali3kit.run experiments/ablate_classif.yaml scale=smoke 'seeds=[0,1,2]'
An override may also be written --key=value or --key value. Further flags: --help, --version.
"""

OVERRIDE = re.compile(r"(?:--)?([A-Za-z_][\w.-]*=.*)", re.DOTALL)


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
    settings, rest = _divided(words, name)
    if "--version" in rest:
        print(f"pali3kit {__version__}")
        return 0
    if not rest or {"-h", "--help"} & set(rest):
        print(HELP if name not in rest else _help(name), end="")
        return 0 if rest else 2
    if unknown := [word for word in rest if word.startswith("-")]:
        raise UsageError(f"unknown flag '{unknown[0]}'.{_meant(unknown[0], command)}")
    if rest[0] == name:
        del rest[0]
    if name == "run" and rest:
        _require_experiment_or_command(rest[0])
    return command.function(_call(command, rest, settings))


def _divided(words: list[str], name: str) -> tuple[list[str], list[str]]:
    """The settings of a command line, and its other words.

    Of an experiment, settings may stand anywhere. Other commands have places for what they need, and a word in one of
    them is what it is: a question or a file may contain `=`.
    """
    command, settings, rest = COMMANDS[name], list[str](), list[str]()
    for word in words:
        found = OVERRIDE.fullmatch(word)
        has_place = command.settings != "experiment" and name in rest and len(rest) <= command.arguments[0]
        if found and (word.startswith("--") or not has_place):
            settings.append(found[1])
        else:
            rest.append(word)
    return settings, rest


def _call(command: Command, rest: list[str], settings: list[str]) -> Call:
    """The checked words of a command."""
    low, high = command.arguments
    pairs = dict(setting.split("=", 1) for setting in settings)
    options = {key: value for key, value in pairs.items() if key in command.names}
    others = [setting for setting in settings if setting.partition("=")[0] not in options]
    if len(rest) > high:
        why = "is no key=value" if command.settings else "is one word too many"
        raise UsageError(f"'{rest[high]}' {why}; usage: python -m pali3kit.run {command.usage}")
    if others and not command.settings and command.names:
        key = others[0].partition("=")[0]
        raise UsageError(f"unknown flag '--{key}'.{choose(key, command.names)}")
    missing = command.words[len(rest) : low] + [f"--{name}" for name in command.required if name not in options]
    if missing or (others and not command.settings):
        what = f"missing: {', '.join(missing)}; " if missing else f"'{others[0]}' sets nothing here; "
        raise UsageError(f"{what}usage: python -m pali3kit.run {command.usage}")
    return Call(rest, others, options)


def _meant(flag: str, command: Command) -> str:
    """What an unknown flag should perhaps have been."""
    flags = [*map("--{}".format, command.names), "--help", "--version"]
    if command.settings != "experiment":
        return choose(flag, flags)
    renamed = new_key(flag.removeprefix("--"))
    return renamed or nearest(flag, [*flags, *map("--{}".format, keys(Experiment))]) or choose(flag, flags)


def _require_experiment_or_command(word: str) -> None:
    """Raise UsageError with the nearest command or shipped experiment for a word that is neither, nor a file."""
    try:
        find_experiment(word)
    except ConfigError as error:
        commands = set(COMMANDS) - {"run"}
        near = nearest(word, sorted([*commands, *shipped_experiments(), "--help"])) or choose(word, commands)
        raise UsageError(f"'{word}' is neither a file, a command nor a shipped experiment.{near}") from error


def _verb(words: Sequence[str]) -> str:
    """The name of the command."""
    plain = [word for word in words if not word.startswith("-") and not OVERRIDE.fullmatch(word)]
    return plain[0] if plain and plain[0] in COMMANDS else "run"


def _joined(words: list[str]) -> list[str]:
    """Join `--key value` to `--key=value`, for the options of the command and the keys of experiments."""
    command = COMMANDS[_verb(words)]
    joined: list[str] = []
    ahead = iter(words)
    for word in ahead:
        key = word.removeprefix("--")
        if word.startswith("--") and key in command.flags:
            word = f"{word}=true"
        elif word.startswith("--") and (
            key in command.options or exists(Experiment, key) or key.startswith(f"{VARIABLES}.")
        ):
            value = next(ahead, None)
            if value is None:
                raise UsageError(f"{word} needs a value.")
            word = f"{word}={value}"
        joined.append(word)
    return joined


def _help(name: str) -> str:
    """The usage of a command, and its line in `HELP`."""
    begin = "  FILE " if name == "run" else f"  {name} "
    line = next(line for line in HELP.splitlines() if line.startswith(begin))
    text = re.split(r" {2,}", line.strip(), maxsplit=1)[1]
    more = "\n" + HELP[HELP.index("key=value overrides") :] if COMMANDS[name].settings == "experiment" else ""
    return f"usage: python -m pali3kit.run {COMMANDS[name].usage}\n\n{text}\n{more}"


def _completion(_: Call) -> int:
    print(completion_script(COMMANDS), end="")
    return 0


COMMANDS = {
    **EXPERIMENT_COMMANDS,
    **MODEL_COMMANDS,
    **COMPONENT_COMMANDS,
    **RUN_COMMANDS,
    **DEMO_COMMANDS,
    "completion": Command(_completion, "completion", arguments=(0, 0), prints=True),
}

if __name__ == "__main__":
    sys.exit(main())
