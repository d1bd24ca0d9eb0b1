"""What lets a shell complete the options of `zava`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_BASH = """\
_zava() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    case $previous in
{choices}
        --data-dir|--config) COMPREPLY=($(compgen -f -- "$word")); return;;
    esac
    COMPREPLY=($(compgen -W "{options}" -- "$word"))
}}
complete -o filenames -F _zava zava
"""
_FOR_ZSH = "autoload -Uz bashcompinit && bashcompinit\n"


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """For bash, zsh or fish; to be evaluated when the shell starts."""
    # argparse has no public list of its options.
    options = [option for option in parser._actions if option.option_strings]
    if shell == "fish":
        return "".join(map(_fish_line, options))
    cases = "\n".join(
        f"        {option.option_strings[-1]}) "
        f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$word")); return;;'
        for option in options
        if option.choices
    )
    names = " ".join(option.option_strings[-1] for option in options)
    return (_FOR_ZSH if shell == "zsh" else "") + _BASH.format(choices=cases, options=names)


def _fish_line(option: argparse.Action) -> str:
    words = f" -xa '{' '.join(option.choices)}'" if option.choices else ""
    text = (option.help or "").replace("%%", "%").replace("'", "")
    return f"complete -c zava -l {option.option_strings[-1].lstrip('-')}{words} -d '{text}'\n"
