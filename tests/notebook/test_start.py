"""What a recorder loads into the kernel that it records: what takes long is left to those who need it."""

from __future__ import annotations

import subprocess
import sys


def test_a_kernel_that_is_recorded_does_not_load_what_draws_or_makes_tables():
    code = "import sys, pforge_lab.notebook.asked; print(*{'pandas', 'pyarrow', 'matplotlib', 'ipywidgets', 'papermill'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")
