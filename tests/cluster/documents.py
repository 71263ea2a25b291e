"""The commands of a document, run as somebody types them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from apiserver.programs import BIN, ROOT
from cluster.kubectl import Kubectl

TYPING_SECONDS = 3
"""What somebody takes to go on after a command that stays in the background."""


def commands(document: str, heading: str) -> list[str]:
    """The shell blocks below a heading of a document in docs/."""
    text = (ROOT / "docs" / document).read_text()
    section = re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^```sh\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert found, f"docs/{document} has no commands below {heading!r}"
    return found


def type_in(kubectl: Kubectl, folder: Path, script: str, seconds: float = 600.0) -> str:
    """Run a block in a folder that has charts/ and examples/; what it prints. Fails with the first command that does."""
    for name in ("charts", "examples"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    paths = os.pathsep.join((str(Path(sys.executable).parent), str(BIN), os.environ["PATH"]))
    environment = {**os.environ, "PATH": paths, "KUBECONFIG": str(kubectl.kubeconfig)}
    typed = re.sub(r"&$", f"& sleep {TYPING_SECONDS}", script, flags=re.MULTILINE)
    # In a file, for a command in the background would hold a pipe open.
    output = folder / "typed.log"
    with output.open("w") as log:
        shell = subprocess.Popen(
            ["bash", "-eu", "-o", "pipefail", "-c", typed],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    printed = output.read_text()
    assert code == 0, f"{script}\nends with {code}:\n{printed}"
    return printed
