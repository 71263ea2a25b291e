"""The demo as a program; exit codes as `moorage`'s."""

from __future__ import annotations

import sys

from moorage_api.errors import MoorageError
from moorage_cli.demo.story import FOLDER, tell
from moorage_cli.output import complain
from moorage_cli.unexpected import record_unexpected


def main() -> int:
    """Run the demo in the current folder."""
    try:
        return tell()
    except MoorageError as error:
        for problem in error.problems:
            complain(f"error: {problem}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        complain(f"error: unexpected {type(error).__name__}: {error}; the traceback is in {record_unexpected(error, FOLDER / 'logs')}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
