"""SIGKILL before and after every single write of a TrainingJob's and a ModelService's life: the end is always the same.

The first run is not disturbed, and its writes are the table's rows. Each row is a namespace of its own, with an operator that
dies before that write, another that dies after it, and a third one that takes over.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from apiserver.api import Api
from apiserver.billed import account_of, billed_cpu_seconds
from apiserver.eventually import eventually
from apiserver.killable_operator import Trigger
from apiserver.ledger_process import LedgerProcess
from apiserver.operator_process import KillableOperator, Place
from apiserver.resources import is_true, remove_everything, stored
from apiserver.snapshot import differences, events, snapshot
from apiserver.world import driver
from apiserver.world.world import World

from moorage_api.base import API_VERSION
from moorage_operator import names

pytestmark = pytest.mark.timeout(900)

PARALLEL = 4
MOST_NAMESPACES = 200
SETTLED_SECONDS = 60.0
COLUMNS = {
    "label": "outcome",
    "classes": ["healthy", "ill"],
    "missing": "Fill",
    "features": [{"name": "age", "minimum": 0, "maximum": 120, "fill": 40}],
}
RESOURCES = [
    # A path is a path on its namespace's volume, so each row has an account of its own in the privacy ledger.
    ("Dataset", "records", {"uri": "records.csv", "format": "CSV", "columns": COLUMNS, "privacyBudget": {"epsilon": 8, "delta": 1e-5}}),
    (
        "TrainingJob",
        "digits",
        {
            "dataset": {"name": "records"},
            "task": {"type": "TabularClassification", "model": "Linear"},
            "optimization": {"steps": driver.STEPS, "batchSize": 256, "optimizer": "SGD", "learningRate": 1.0},
            "privacy": {"epsilon": 5, "delta": 1e-5},
            "gates": [{"metric": "accuracy", "minimum": 0.9}],
        },
    ),
    ("ModelService", "digits", {"model": {"trainingJob": "digits"}, "access": {"tenants": ["killed"]}}),
]


@dataclass
class Row:
    """One row's namespace, and all that acts in it."""

    namespace: str
    api: Api
    place: Place
    world: World
    ledger: LedgerProcess

    def begin(self) -> None:
        """The resources, as a user applies them."""
        for kind, name, spec in RESOURCES:
            metadata = {"name": name, "namespace": self.namespace}
            self.api.apply({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})

    def operator(self, trigger: Trigger | None = None) -> KillableOperator:
        """An operator of this namespace alone."""
        return KillableOperator(self.place, [self.namespace], trigger)

    def is_settled(self) -> bool:
        """Everything has come to its end; fails with what has not."""
        assert is_true(self.api, "TrainingJob", "digits", "GatesPassed", self.namespace)
        assert is_true(self.api, "ModelService", "digits", "Ready", self.namespace)
        uid = self.uid()
        pods = [pod["metadata"]["name"] for pod in self.api.list("v1", "Pod", self.namespace, f"{names.UID}={uid}")]
        assert pods == [], "pods of the job are left"
        spent = ((stored(self.api, "Dataset", "records", self.namespace) or {}).get("status") or {}).get("spent") or {}
        assert spent.get("jobs") == 1, spent
        return True

    def is_billed(self) -> bool:
        """Each pod's seconds, once; fails with what differs."""
        uid = self.uid()
        played = {pod.uid: pod.cpu_seconds for pod in self.world.pods_of(uid)}
        assert billed_cpu_seconds(self.ledger, uid) == played
        return True

    def holdings(self) -> list[tuple[str, int]]:
        """State and steps of everything that was ever reserved on the row's records."""
        return [(job.state, job.mechanism.steps) for job in account_of(self.ledger, self.namespace).jobs]

    def uid(self) -> str:
        """Of the TrainingJob."""
        return str((stored(self.api, "TrainingJob", "digits", self.namespace) or {})["metadata"]["uid"])


@pytest.fixture(scope="module")
def new_row(api: Api, place: Place, world: World, ledger: LedgerProcess) -> Callable[[], Row]:
    """Makes rows. One Tenant pays for all of them, so that no row's beginning is news to another's operator."""
    plan = {"currency": "USD", "meters": [{"meter": "TrainingCpuSeconds", "tiers": [{"unitPrice": "0.001"}]}]}
    api.apply({"apiVersion": API_VERSION, "kind": "PricePlan", "metadata": {"name": "killed"}, "spec": plan})
    namespaces = [f"killed-{secrets.token_hex(4)}" for _ in range(MOST_NAMESPACES)]
    api.apply(
        {"apiVersion": API_VERSION, "kind": "Tenant", "metadata": {"name": "killed"}, "spec": {"namespaces": namespaces, "plan": "killed"}}
    )

    with_status = KillableOperator(place, [namespaces[0]])
    eventually(lambda: is_true(api, "Tenant", "killed", "Ready"), 60)
    eventually(lambda: is_true(api, "PricePlan", "killed", "Ready"), 60)
    with_status.kill()

    def make() -> Row:
        namespace = namespaces.pop()
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        return Row(namespace, api, place, world, ledger)

    return make


def test_killed_at_any_write_the_end_is_the_same(new_row: Callable[[], Row]) -> None:
    undisturbed, writes, told = play_undisturbed(new_row())
    moments = numbered(writes)
    assert len(moments) >= 30, writes
    with ThreadPoolExecutor(PARALLEL) as pool:
        outcomes = list(pool.map(lambda moment: play_killed(new_row(), *moment, undisturbed, told), moments))
    failures = [f"{moment}: {outcome.failure}" for moment, outcome in zip(moments, outcomes, strict=True) if outcome.failure]
    kills = sum(outcome.kills for outcome in outcomes)
    print(f"{kills} kills, before and after {len(moments)} writes")
    assert not failures, f"{len(failures)} of {len(moments)}:\n" + "\n".join(failures)
    # How often a status is written, or pods are billed, depends on how fast the world is; but each kind of write has to be met.
    met = {write for (write, _), outcome in zip(moments, outcomes, strict=True) if outcome.kills}
    assert met == set(writes), f"missed: {set(writes) - met}"
    assert kills >= 1.5 * len(moments), f"{kills} kills at {len(moments)} writes"


def numbered(writes: list[str]) -> list[tuple[str, int]]:
    """Each write with its number among those of its name."""
    seen: Counter[str] = Counter()
    found = []
    for write in writes:
        seen[write] += 1
        found.append((write, seen[write]))
    return found


def play_undisturbed(row: Row) -> tuple[dict, list[str], list[str]]:
    """The end, the writes that led to it and what people were told."""
    operator = row.operator()
    try:
        row.begin()
        eventually(lambda: operator.assert_running() and row.is_settled(), SETTLED_SECONDS)
        eventually(row.is_billed, 20)
        writes = quiet_writes(operator)
        assert row.holdings() == [("Committed", driver.STEPS)]
        end, told = snapshot(row.api, row.namespace), events(row.api, row.namespace)
        assert len(set(told)) == len(told)
        return end, writes, told
    finally:
        operator.kill()
        remove_everything(row.api, row.namespace)


def quiet_writes(operator: KillableOperator) -> list[str]:
    """Its writes, once there were none for two seconds: what goes on writing is never at its end."""
    seen: list[tuple[int, float]] = []

    def is_quiet() -> bool:
        now, count = time.monotonic(), len(operator.writes())
        if not seen or seen[-1][0] != count:
            seen.append((count, now))
        return now - seen[-1][1] > 2.0

    eventually(is_quiet, 20, "the operator stops writing")
    return operator.writes()


@dataclass
class Outcome:
    """What became of a row."""

    kills: int
    failure: str = ""


def play_killed(row: Row, write: str, occurrence: int, undisturbed: dict, told: list[str]) -> Outcome:
    """Killed before the write; the next operator, which has it to do again, after it; a third one comes to the end."""
    operator, kills = row.operator(Trigger(write, occurrence, "before")), 0
    try:
        row.begin()
        for following in (Trigger(write, 1, "after"), None):
            kills += killed_or_settled(row, operator)
            operator.kill()
            operator = row.operator(following)
        eventually(lambda: operator.assert_running() and row.is_settled(), SETTLED_SECONDS)
        eventually(row.is_billed, 20)
        eventually(lambda: same(row, undisturbed), 10)
        assert row.holdings() == [("Committed", driver.STEPS)]
        said = events(row.api, row.namespace)
        assert len(set(said)) == len(said), f"people were told twice: {sorted(one for one in set(said) if said.count(one) > 1)}"
        assert set(said) <= set(told), f"people were told what is not so: {sorted(set(said) - set(told))}"
        return Outcome(kills)
    except Exception as error:
        return Outcome(kills, f"{error} (because of {error.__cause__})\n{operator.last_words(1500)}")
    finally:
        operator.kill()
        remove_everything(row.api, row.namespace)


def killed_or_settled(row: Row, operator: KillableOperator) -> bool:
    """Whether the operator was killed; False once everything is settled without it."""

    def is_over() -> str:
        if operator.wait_until_killed(0):
            return "killed"
        try:
            return "settled" if row.is_settled() and row.is_billed() else ""
        except (AssertionError, TypeError, KeyError):
            return ""

    return eventually(is_over, SETTLED_SECONDS) == "killed"


def same(row: Row, undisturbed: dict) -> bool:
    """Whether the end is that of the run without a kill; fails with where it is not."""
    unlike = differences(undisturbed, snapshot(row.api, row.namespace))
    assert unlike == []
    return True
