"""What the ledger has of pods and of records, to be compared with what was played."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

from apiserver.ledger_process import LedgerProcess

from moorage_api.ledger_api import PrivacyStatement

MICRO = 1_000_000
_CPU = ("TrainingCpuSeconds", "ServingCpuSeconds")


def billed_cpu_seconds(ledger: LedgerProcess, owner_uid: str) -> dict[str, Decimal]:
    """By pod uid: the core-seconds that are billed to the owner. Fails if a fact is there twice."""
    micros: dict[str, int] = defaultdict(int)
    facts: Counter[tuple[str, str]] = Counter()
    for event in ledger.events().events():
        if event.subject.uid == owner_uid and event.source.startswith("Pod/"):
            facts[event.source, event.id] += 1
            micros[event.source.removeprefix("Pod/")] += sum(event.quantities.get(meter, 0) for meter in _CPU)
    assert all(count == 1 for count in facts.values()), facts
    return {uid: Decimal(micro) / MICRO for uid, micro in micros.items()}


def account_of(ledger: LedgerProcess, namespace: str, records: str = "records.csv") -> PrivacyStatement:
    """The privacy account of records on a namespace's volume."""
    return ledger.as_administrator.statement(f"volume://{namespace}/var/lib/moorage/{records}")
