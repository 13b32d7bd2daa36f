"""Completion in bash and zsh, by a shell function with a fixed list of words: TAB does not start Python."""

from __future__ import annotations

from collections.abc import Iterable

from pali3kit.catalogue import CATALOGUES
from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.kinds import keys
from pali3kit.config.schema import Experiment

SCRIPT = """\
if [ -n "${{ZSH_VERSION-}}" ]; then autoload -U +X compinit bashcompinit; compinit; bashcompinit; fi
_pali3kit() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" choices
  case "$COMP_CWORD:${{COMP_WORDS[1]}}" in
    1:*) choices="{commands} {experiments}" ;;
    2:copy) choices="{experiments}" ;;
    2:run | 2:check | 2:plan | 2:step) choices="{experiments} {keys}" ;;
    2:list) choices="{kinds} experiments" ;;
    2:show) choices="{components}" ;;
    *:list | *:show | *:report | *:copy | *:check-data | *:tokenizer | *:completion) choices="" ;;
    *:ask | *:caption | *:segment | *:predict) choices="" ;;
    *) choices="{keys}" ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$word"))
  local IFS=$'\\n'
  COMPREPLY+=($(compgen -f -- "$word"))
  [[ "${{COMPREPLY[0]-}}" == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}}
complete -o filenames -F _pali3kit pali3kit
"""


def completion_script(commands: Iterable[str]) -> str:
    """The script for a shell: it knows the commands, the components and experiments there are now, and their keys."""
    components = [f"{kind}/{entry.name}" for kind, catalogue in CATALOGUES.items() for entry in catalogue.entries()]
    return SCRIPT.format(
        commands=" ".join(commands),
        kinds=" ".join(CATALOGUES),
        experiments=" ".join(shipped_experiments()),
        components=" ".join(components),
        keys=" ".join(f"{key}=" for key in keys(Experiment)),
    )
