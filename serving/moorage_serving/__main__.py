"""`python -m moorage_serving SERVE.json`: serve the services of a ServingConfig on this machine until SIGTERM."""

from __future__ import annotations

import sys
from pathlib import Path

from moorage_api.errors import MoorageError
from moorage_serving.host.document import Document
from moorage_serving.host.serving_host import ServingHost
from moorage_serving.request_log import configure_logging


def main(arguments: list[str]) -> int:
    """The exit code: 0 stopped when asked to, 1 something is missing or taken, 2 bad input."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m moorage_serving SERVE.json\n")
        return 2
    configure_logging()
    try:
        ServingHost(Document(Path(arguments[0]))).run()
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
