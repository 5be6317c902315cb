"""Puts the independent expectations on the path: they are scripts beside the
tests, not a package.
"""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
