"""What `make bench` measures: the figures of docs/guides/performance.md, each with its control,
each answer asserted.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tests", "tests/doors", "loadtest", "tests/bench"):
    if str(ROOT / folder) not in sys.path:
        sys.path.insert(0, str(ROOT / folder))
