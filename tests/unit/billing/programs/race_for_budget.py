"""race_for_budget.py URL JOB STEPS: print `ready`, wait for a line, then try to reserve; print `reserved` or `refused`."""

import sys

from moorage_api.dataset import PrivacyBudget
from moorage_api.errors import Refused
from moorage_api.privacy import PrivacyMechanism
from moorage_billing.composition import epsilon_of
from moorage_billing.privacy_ledger import DatasetKey, PrivacyLedger

url, job, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
mechanism = PrivacyMechanism(sampling_rate=0.02, noise_multiplier=1.1, steps=steps)
budget = PrivacyBudget(epsilon=2.0, delta=1e-5)
epsilon_of([mechanism], budget.delta)
ledger = PrivacyLedger(url)
print("ready", flush=True)
sys.stdin.readline()
try:
    ledger.reserve(DatasetKey.of("sklearn://digits"), budget, job, f"TrainingJob default/{job}", mechanism)
    print("reserved", flush=True)
except Refused:
    print("refused", flush=True)
