"""`python -m moorage_training RUN.json`."""

import os
import sys

# Ray is started from a second thread while this one plans. Starting it forks, and OpenBLAS ends its threads at a fork: a
# product that waits for them would wait for ever. With one thread there is nobody to wait for. Read when NumPy is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from moorage_training.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
