"""`kairos completion`: scripts that let a shell complete commands, actions, flags and choices.

The scripts are written from the parser itself, so that they cannot differ from it.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kairos_server.commands.arguments import examples_set
from kairos_server.commands.parser import parser_of
from kairos_server.exits import Exit

SHELLS: Final = ("bash", "zsh", "fish")
_FILES: Final = frozenset({"FILE", "FOLDER", "CA_FILE"})


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of a place: its spelling, what it does, and the values that it takes."""

    name: str
    text: str
    choices: tuple[str, ...]
    value: bool
    files: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A command or an action of one, as `kairos plan list`: what may follow it."""

    path: tuple[str, ...]
    children: tuple[tuple[str, str], ...]
    flags: tuple[Flag, ...]
    files: bool
    """True: it takes a file or folder as it stands."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    parser.add_argument("shell", choices=SHELLS)
    examples_set(
        parser,
        (
            "kairos completion bash > ~/.local/share/bash-completion/completions/kairos",
            'kairos completion zsh > "${fpath[1]}/_kairos"',
            "kairos completion fish > ~/.config/fish/completions/kairos.fish",
        ),
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Prints the script."""
    places = list(places_of(parser_of(complete=True), ()))
    sys.stdout.write({"bash": bash, "zsh": zsh, "fish": fish}[parsed.shell](places))
    return Exit.OK


def places_of(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[Place]:
    """Yields the place of a parser and of all below it."""
    children: dict[str, argparse.ArgumentParser] = {}
    texts: list[tuple[str, str]] = []
    flags: list[Flag] = []
    files = False
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            children = action.choices
            texts = [
                (choice.dest, choice.help or "")
                for choice in action._choices_actions  # noqa: SLF001
            ]
        elif action.option_strings:
            name = action.option_strings[-1]
            takes = action.nargs != 0
            choices = tuple(str(choice) for choice in action.choices or ())
            flags.append(
                Flag(name, action.help or "", choices, takes, str(action.metavar) in _FILES)
            )
        else:
            files = files or str(action.metavar) in _FILES
            texts += [(str(choice), "") for choice in action.choices or ()]
    yield Place(path, tuple(texts), tuple(flags), files)
    for name, child in children.items():
        yield from places_of(child, (*path, name))


def bash(places: list[Place]) -> str:
    """Returns the script for bash."""
    cases = []
    for place in places:
        words = [name for name, _ in place.children] + [flag.name for flag in place.flags]
        cases.append(
            f"    {shlex.quote(' '.join(place.path))}) words={shlex.quote(' '.join(words))}; "
            f"files={int(place.files)} ;;"
        )
    values = sorted({
        f"    {flag.name}) COMPREPLY=($(compgen -W {shlex.quote(' '.join(flag.choices))} "
        '-- "$word")); return ;;'
        if flag.choices
        else f"    {flag.name}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;"
        for place in places
        for flag in place.flags
        if flag.choices or flag.files
    })  # fmt: skip
    known = " ".join(shlex.quote(" ".join(place.path)) for place in places if place.path)
    return f"""# bash completion of kairos; written by `kairos completion bash`
_kairos() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local place="" words="" files=0 i known
  COMPREPLY=()
  case "$before" in
{chr(10).join(values)}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    for known in {known}; do
      [[ "${{place:+$place }}${{COMP_WORDS[i]}}" == "$known" ]] && place="$known" && break
    done
  done
  case "$place" in
{chr(10).join(cases)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if ((files)) && [[ "$word" != -* ]]; then
    COMPREPLY+=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _kairos kairos
"""


def zsh(places: list[Place]) -> str:
    """Returns the script for zsh."""
    cases = []
    for place in places:
        rows = [_zsh_row(name, text) for name, text in place.children]
        rows += [_zsh_row(flag.name, flag.text) for flag in place.flags]
        cases.append(
            f"    {shlex.quote(' '.join(place.path))}) rows=({' '.join(rows)}); "
            f"files={int(place.files)} ;;"
        )
    values = sorted(
        {
            f"    {flag.name}) compadd -- {' '.join(map(shlex.quote, flag.choices))}; return ;;"
            if flag.choices
            else f"    {flag.name}) _files; return ;;"
            for place in places
            for flag in place.flags
            if flag.choices or flag.files
        }
    )
    known = " ".join(shlex.quote(" ".join(place.path)) for place in places if place.path)
    return f"""#compdef kairos
# zsh completion of kairos; written by `kairos completion zsh`
_kairos() {{
  local place="" files=0 i candidate known
  local -a rows
  case "${{words[CURRENT-1]}}" in
{chr(10).join(values)}
  esac
  for ((i = 2; i < CURRENT; i++)); do
    candidate="${{place:+$place }}${{words[i]}}"
    for known in {known}; do
      [[ "$candidate" == "$known" ]] && place="$known" && break
    done
  done
  case "$place" in
{chr(10).join(cases)}
  esac
  _describe kairos rows
  ((files)) && _files
  return 0
}}
compdef _kairos kairos
"""


def fish(places: list[Place]) -> str:
    """Returns the script for fish."""
    lines = [
        "# fish completion of kairos; written by `kairos completion fish`",
        "complete -c kairos -f",
    ]
    for place in places:
        when = _fish_when(place, places)
        for name, text in place.children:
            lines.append(f"complete -c kairos -n {when} -a {_fish(name)} -d {_fish(text)}")
        for flag in place.flags:
            spelling = (
                f"-l {flag.name[2:]}" if flag.name.startswith("--") else f"-s {flag.name[1:]}"
            )
            line = f"complete -c kairos -n {when} {spelling} -d {_fish(flag.text)}"
            if flag.choices:
                line += f" -x -a {_fish(' '.join(flag.choices))}"
            elif flag.files:
                line += " -r -F"
            elif flag.value:
                line += " -x"
            lines.append(line)
        if place.files:
            lines.append(f"complete -c kairos -n {when} -F")
    return "\n".join(lines) + "\n"


def _zsh_row(name: str, text: str) -> str:
    escaped = name.replace(":", "\\:")
    return shlex.quote(f"{escaped}:{text}" if text else escaped)


def _fish_when(place: Place, places: list[Place]) -> str:
    """The condition under which the line is at a place."""
    below = [other.path[-1] for other in places if other.path[:-1] == place.path and other.path]
    seen = [f"__fish_seen_subcommand_from {name}" for name in place.path]
    if below:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(below)}")
    return _fish("; and ".join(seen) or "true")


def _fish(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
