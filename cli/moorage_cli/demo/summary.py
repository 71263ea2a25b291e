"""What the demo has to show: printed for people, written for programs, and checked against the ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage_api.errors import Problem, Unavailable
from moorage_api.training_job import TrainingJob
from moorage_api.usage import MICRO
from moorage_billing.invoice import Invoice
from moorage_billing.render import as_document, focus_csv, to_json
from moorage_cli.demo.callers import Tally
from moorage_cli.durable_file import write_durably
from moorage_cli.invoicing import say_invoice
from moorage_cli.output import say

UNAUTHENTICATED = 401
"""Answers that belong to no tenant, since nobody was recognised."""


@dataclass(frozen=True)
class Facts:
    """Everything that the demo found out."""

    job: TrainingJob
    twin: TrainingJob
    tallies: Mapping[str, Tally]
    invoices: Sequence[Invoice]
    seconds: Mapping[str, float]

    @property
    def epsilon(self) -> float:
        return self.job.status.privacy.epsilon_spent if self.job.status and self.job.status.privacy else 0.0

    @property
    def delta(self) -> float:
        return self.job.status.privacy.delta if self.job.status and self.job.status.privacy else 0.0

    def metric(self, job: TrainingJob, name: str) -> float:
        """A metric of a finished job. Raises Unavailable if it was not measured."""
        metrics = job.status.metrics if job.status else {}
        if name not in metrics:
            raise Unavailable(Problem(f"{name} was not measured", job.ref, "status.metrics"))
        return metrics[name]

    def document(self) -> dict[str, Any]:
        """demo.json."""
        return {
            "accuracy": self.metric(self.job, "accuracy"),
            "robustAccuracy": self.metric(self.job, "robustAccuracy"),
            "plainAccuracy": self.metric(self.twin, "accuracy"),
            "plainRobustAccuracy": self.metric(self.twin, "robustAccuracy"),
            "epsilon": self.epsilon,
            "delta": self.delta,
            "requests": {name: {str(code): n for code, n in sorted(t.codes.items())} for name, t in self.tallies.items()},
            "latencyMilliseconds": {name: latency(t.latencies_ms) for name, t in self.tallies.items()},
            "invoices": [as_document(invoice) for invoice in self.invoices],
            "seconds": dict(self.seconds),
        }


def latency(milliseconds: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile (nearest rank)."""
    ordered = sorted(milliseconds)
    if not ordered:
        return {}
    return {name: round(ordered[max(0, -(-len(ordered) * share // 100) - 1)], 2) for name, share in (("p50", 50), ("p99", 99))}


def check_against_invoices(tallies: Mapping[str, Tally], invoices: Sequence[Invoice]) -> None:
    """Raises Unavailable, with every difference, unless each tenant's invoice has exactly the answers that its program counted."""
    problems = []
    for invoice in invoices:
        tally = tallies[invoice.tenant]
        counted = {code: n for code, n in sorted(tally.codes.items()) if code != UNAUTHENTICATED}
        good = sum(n for code, n in counted.items() if 200 <= code < 300)
        for what, client, billed in (
            ("answers by code", counted, invoice.responses_by_code),
            ("requests", good * MICRO, _quantity(invoice, "Requests")),
            ("rows", tally.rows_answered * MICRO, _quantity(invoice, "RowsPredicted")),
        ):
            if client != billed:
                problems.append(Problem(f"{what}: the client counted {client}, the invoice has {billed}", f"tenant {invoice.tenant}"))
    problems += [Problem(f"{t.unanswered} calls got no answer", f"tenant {name}") for name, t in tallies.items() if t.unanswered]
    if problems:
        raise Unavailable(*problems)


def _quantity(invoice: Invoice, meter: str) -> int:
    return sum(line.quantity for line in invoice.usage if line.meter == meter)


def write_reports(facts: Facts, artifact: Path, folder: Path) -> Path:
    """Put the card, the plots, the invoices and demo.json into `folder`; returns demo.json's path."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(artifact / "card.md", folder)
    shutil.copytree(artifact / "reports", folder, dirs_exist_ok=True)
    for invoice in facts.invoices:
        (folder / f"invoice-{invoice.tenant}.json").write_bytes(to_json(invoice))
        (folder / f"invoice-{invoice.tenant}.focus.csv").write_bytes(focus_csv(invoice))
    file = folder / "demo.json"
    write_durably(file, json.dumps(facts.document(), indent=2, ensure_ascii=False) + "\n")
    return file


def say_facts(facts: Facts, artifact: Path, reports: Path) -> None:
    """Tell a person."""
    document = facts.document()
    say("")
    say(f"accuracy                {document['accuracy']:.3f}   (trained plainly: {document['plainAccuracy']:.3f})")
    say(f"robust accuracy         {document['robustAccuracy']:.3f}   (trained plainly: {document['plainRobustAccuracy']:.3f})")
    say(f"epsilon                 {document['epsilon']:.2f}    at delta {document['delta']:g}")
    for name, tally in facts.tallies.items():
        codes = ", ".join(f"{n} x {code}" for code, n in sorted(tally.codes.items()))
        times = latency(tally.latencies_ms)
        say(f"calls of {name:<14} {codes}; p50 {times.get('p50')} ms, p99 {times.get('p99')} ms")
    for invoice in facts.invoices:
        say("")
        say_invoice(invoice)
    say("")
    say("Invoices equal what the callers counted.")
    say(f"Model card:  {artifact / 'card.md'}")
    say(f"Reports:     {reports}")
    say(f"Facts:       {reports / 'demo.json'}")
    say(f"It took {facts.seconds['total']:.0f} s.")
