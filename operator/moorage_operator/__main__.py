"""`python -m moorage_operator --settings FILE`: watch, decide and apply until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from moorage_api.errors import MoorageError
from moorage_operator.control_loop import ControlLoop
from moorage_operator.kube.errors import ApiError
from moorage_operator.settings import read_settings


def main(arguments: list[str]) -> int:
    """The exit code: 0 stopped when asked to, 1 something is missing, 2 bad settings."""
    parser = argparse.ArgumentParser(prog="python -m moorage_operator", description="Moorage's operator.")
    parser.add_argument("--settings", type=Path, required=True, help="the OperatorSettings document, YAML")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(ControlLoop(read_settings(given.settings)).run())
    except (MoorageError, ApiError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code if isinstance(error, MoorageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
