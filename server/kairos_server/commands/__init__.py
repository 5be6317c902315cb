"""The commands of `kairos`, one module per group. This table is all that `kairos --help` reads."""

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "Command"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the module whose `arguments(parser)` declares it, and what it does in a line."""

    name: str
    module: str
    text: str


COMMANDS: Final = (
    Command("serve", "serve", "start a server in the foreground"),
    Command("key", "key", "make API keys"),
    Command("try", "try_out", "send a visit, one decision and one profile request to a server"),
    Command("import", "import_events", "send the events of a file or of standard input"),
    Command("evaluate", "evaluate", "say which triggers an event would fire; changes nothing"),
    Command("decide", "decide", "ask what a person should see in a placement"),
    Command("profile", "profile", "show what is known of a subject"),
    Command("consent", "consent", "show, state and list what a person agreed to"),
    Command("documents", "documents", "apply a folder of documents, compare, validate, history"),
    Command("plan", "plan", "list, show, activate and roll back plans"),
    Command("trigger", "trigger", "list, show, test and execute triggers"),
    Command("effects", "effects", "the outbox: list, lease, acknowledge, dead effects, replay"),
    Command("log", "log", "verify, read and count the log of a data folder"),
    Command("view", "view", "count, dump and rebuild the view of a data folder"),
    Command("doctor", "doctor", "check this machine, a data folder and a running server"),
    Command("completion", "completion", "print a completion script for bash, zsh or fish"),
    Command("version", "version", "print the versions of the server, the core and Python"),
)
