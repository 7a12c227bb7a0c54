"""All benchmarks, one after the other: ``make bench``. Ratios hold within one run; nothing is asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run every script of this folder and return the highest exit code."""
    worst = 0
    for script in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        print(f"\n== {script.stem} ==", flush=True)
        worst = max(worst, subprocess.run([sys.executable, str(script)], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
