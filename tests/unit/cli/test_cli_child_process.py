"""The engine leaves no process behind, and touches none that it did not start."""

from __future__ import annotations

import subprocess
import sys

ENDING = """
import subprocess, sys
from moorage_cli.engine.child_process import adopt_orphans, descendants, end_descendants
import os
nap = [sys.executable, "-c", "import time; time.sleep(60)"]
both = [sys.executable, "-c", f"import subprocess, time; subprocess.Popen({nap}); print(1, flush=True); time.sleep(60)"]
before = subprocess.Popen(both, stdout=subprocess.PIPE)
spared = descendants(os.getpid())
adopt_orphans()
after = subprocess.Popen(both, stdout=subprocess.PIPE)
for process in (before, after):
    process.stdout.readline()
ended = end_descendants(5, spared)
assert len(ended) == 2 and after.pid in ended, ended
assert before.poll() is None
assert len(descendants(os.getpid())) == 2
assert len(end_descendants(5)) == 2
assert not descendants(os.getpid())
"""


def test_only_what_was_started_meanwhile_is_ended_with_all_below_it():
    subprocess.run([sys.executable, "-c", ENDING], check=True, timeout=120)
