"""`python -m moorage_training RUN.json`."""

import sys

from moorage_training.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
