"""`python -m moorage_training.cluster RUN.json`: the entrypoint of a Ray job, on the cluster's head."""

import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see moorage_training.__main__

from moorage_training.cluster.bridge import bridge_of
from moorage_training.main import main
from moorage_training.stopping import stop_patiently

if __name__ == "__main__":
    stop_patiently()
    sys.exit(main(sys.argv[1:], bridge_of))
