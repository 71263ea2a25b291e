"""ship_for_ever.py FOLDER URL: print `ready`, then ship a folder's outboxes without a pause."""

import sys
from pathlib import Path

from moorage_billing.shipper import drain

folder, url = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
while True:
    drain(folder, url)
