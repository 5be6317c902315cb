"""`python -m kairos_server` is the command `kairos`."""

import sys

from kairos_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
