"""The command `kairos`: reads the command line, runs one command, turns failures into one line and
an exit code.
"""

import os
import sys
from collections.abc import Sequence

from kairos_server.commands.parser import parser_of
from kairos_server.config import ConfigError
from kairos_server.exits import CommandFailed, Exit, StartError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code.

    Every expected failure is one line on standard error.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Read by the gRPC library when it is imported: no fork handlers (nothing here forks), and no
    # log lines of its own beside ours.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        parsed = parser_of(words).parse_args(words)
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except (StartError, CommandFailed) as error:
        return _fail(error.code, str(error))
    except ConfigError as error:
        return _fail(Exit.CONFIG, str(error))
    except KeyboardInterrupt:
        # Ctrl-C; a server that is ready drains instead.
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, `head` for example, has what it wanted. Python would
        # otherwise complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code


def _fail(code: Exit, text: str) -> int:
    sys.stderr.write(f"kairos: {text}\n")
    return code
