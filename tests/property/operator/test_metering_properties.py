"""A pod costs what it held, whenever it is looked at, whoever looks, and whatever failed in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from unit.operator.metering.pods import SETTINGS, Body, condition, container, ended, pod, running, us, waiting

from moorage_api.usage import UsageEvent
from moorage_billing.instant import SECOND_US
from moorage_operator.metering.decide_metering import decide_metering
from moorage_operator.metering.meter import Meter
from moorage_operator.metering.pod_end import SETTLING_SECONDS
from moorage_operator.plan import Plan, PutEvents, SetFinalizers

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HORIZON_SECONDS = 2000


@dataclass(frozen=True)
class Life:
    """What really happened to a pod, in seconds after noon; the API server shows each thing `delay` later.

    deleted: when its deletion was asked for. restarts: how often its container was restarted, evenly over its life.
    silent: when its node stopped reporting, for a while or (if it has no end) for ever.
    """

    start: int
    end: int
    delay: int
    deleted: int | None
    uid: str = "p1"
    silent: tuple[int, int] | None = None

    def body(self, now: float) -> Body:
        """As the API server shows it."""
        seen = now - self.delay
        if self.silent is not None and self.silent[0] <= seen < self.silent[1]:
            seen = self.silent[0]
        deleted = self.deleted if self.deleted is not None and now >= self.deleted else None
        limits = [container("ray", {"cpu": "2500m", "nvidia.com/gpu": "1"})]
        if seen < self.start:
            return pod(waiting("ray"), uid=self.uid, phase="Pending", deleted=deleted, grace=900, containers=limits)
        if seen < self.end:
            return pod(
                running("ray", self.start), uid=self.uid, deleted=deleted, grace=900, containers=limits, conditions=self._conditions(now)
            )
        phase = "Succeeded" if self.deleted is None else "Running"
        return pod(ended("ray", self.start, self.end), uid=self.uid, phase=phase, deleted=deleted, grace=900, containers=limits)

    def _conditions(self, now: float) -> list[Body]:
        """The node controller waits 40 seconds, and its word is late as well."""
        if self.silent is None or now < self.silent[0] + 40 + self.delay:
            return [condition("Ready", "True", self.start), condition("ContainersReady", "True", self.start)]
        return [condition("Ready", "False", self.silent[0] + 40), condition("ContainersReady", "True", self.start)]


@st.composite
def lives(draw: st.DrawFn, uid: str = "p1") -> Life:
    start, length = draw(st.integers(0, 600)), draw(st.integers(0, 600))
    end = start + length
    deleted = draw(st.none() | st.integers(start, end))
    delay = draw(st.integers(0, 15))
    silent = None
    if length and deleted is None and draw(st.booleans()):
        gone = draw(st.integers(start, end))
        silent = (gone, gone + draw(st.integers(0, 400)))
    return Life(start, end, delay, deleted, uid, silent)


readings = st.lists(st.floats(0, HORIZON_SECONDS, allow_nan=False), max_size=30).map(sorted)


def moment(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def events(plan: Plan) -> list[UsageEvent]:
    return [event for action in plan.actions if isinstance(action, PutEvents) for event in action.events]


def take(ledger: dict[tuple[str, str], UsageEvent], plan: Plan) -> int:
    """Into a ledger that refuses another event of the same id; how many were new."""
    before = len(ledger)
    ids = [(event.source, event.id) for event in events(plan)]
    assert len(set(ids)) == len(ids)
    for event in events(plan):
        assert all(quantity > 0 for quantity in event.quantities.values())
        assert ledger.setdefault((event.source, event.id), event) == event
    return len(ledger) - before


def total(ledger: dict[tuple[str, str], UsageEvent], meter: str, uid: str = "p1") -> int:
    return sum(event.quantities.get(meter, 0) for event in ledger.values() if event.source == f"Pod/{uid}")  # type: ignore[call-overload]


@given(lives(), readings, st.data())
def test_the_buckets_sum_to_the_lifetime_through_restarts_and_failures(life: Life, times: list[float], data: st.DataObject) -> None:
    ledger: dict[tuple[str, str], UsageEvent] = {}
    meter = Meter(SETTINGS)
    for seconds in [*times, HORIZON_SECONDS]:
        plan = meter.plan([life.body(seconds)], moment(seconds))
        fate = data.draw(st.sampled_from(["applied", "applied", "the ledger was away", "killed before the ledger", "killed after it"]))
        if seconds == HORIZON_SECONDS or fate in ("applied", "killed after it"):
            take(ledger, plan)
        if fate.startswith("killed"):
            meter = Meter(SETTINGS)
        elif fate == "applied":
            meter.done(plan)
    assert total(ledger, "TrainingCpuSeconds") == (life.end - life.start) * 2_500_000
    assert total(ledger, "TrainingGpuSeconds") == (life.end - life.start) * 1_000_000


@given(lives(), readings)
def test_a_pod_goes_only_when_its_last_second_is_in_the_plan_or_before(life: Life, times: list[float]) -> None:
    ledger: dict[tuple[str, str], UsageEvent] = {}
    meter = Meter(SETTINGS)
    for seconds in [*times, HORIZON_SECONDS]:
        plan = meter.plan([life.body(seconds)], moment(seconds))
        take(ledger, plan)
        meter.done(plan)
        assert total(ledger, "TrainingCpuSeconds") <= max(0, min(life.end, seconds) - life.start) * 2_500_000
        gone = any(isinstance(action, SetFinalizers) for action in plan.actions)
        if gone:
            assert seconds >= life.end
            assert total(ledger, "TrainingCpuSeconds") == (life.end - life.start) * 2_500_000
    assert gone


@given(lives(), readings)
def test_the_order_of_looks_makes_no_difference(life: Life, times: list[float]) -> None:
    forwards: dict[tuple[str, str], UsageEvent] = {}
    backwards: dict[tuple[str, str], UsageEvent] = {}
    for ledger, order in ((forwards, times), (backwards, reversed(times))):
        for seconds in order:
            take(ledger, decide_metering([life.body(seconds)], moment(seconds), SETTINGS))
    assert forwards == backwards


@given(lives(), lives("p2"), readings)
def test_pods_do_not_mix(one: Life, other: Life, times: list[float]) -> None:
    together: dict[tuple[str, str], UsageEvent] = {}
    apart: dict[tuple[str, str], UsageEvent] = {}
    meters = Meter(SETTINGS), Meter(SETTINGS), Meter(SETTINGS)
    for seconds in times:
        groups = ([one.body(seconds), other.body(seconds)], [one.body(seconds)], [other.body(seconds)])
        for meter, bodies, ledger in zip(meters, groups, (together, apart, apart), strict=True):
            plan = meter.plan(bodies, moment(seconds))
            take(ledger, plan)
            meter.done(plan)
    assert together == apart


@given(lives(), st.integers(0, 300), st.integers(0, 120), st.none() | st.integers(0, 400), readings)
def test_a_pod_on_a_lost_node_is_billed_to_its_end_by_the_api_server(
    life: Life, until_deleted: int, grace: int, until_forced: int | None, times: list[float]
) -> None:
    """Running for ever as far as anybody knows; its deletion may be forced later, which makes that its deletionTimestamp."""
    deleted = life.start + until_deleted
    forced = None if until_forced is None else deleted + until_forced
    ledger: dict[tuple[str, str], UsageEvent] = {}
    meter = Meter(SETTINGS)
    for seconds in [*times, HORIZON_SECONDS]:
        asked, now_grace = (forced, 0) if forced is not None and seconds >= forced else (deleted, grace)
        body = pod(running("ray", life.start), deleted=asked if seconds >= asked else None, grace=now_grace)
        plan = meter.plan([body] if seconds >= life.start else [], moment(seconds))
        take(ledger, plan)
        meter.done(plan)
        if any(isinstance(action, SetFinalizers) for action in plan.actions):
            assert total(ledger, "TrainingCpuSeconds") == (asked + now_grace - life.start) * 2_000_000
            return
    raise AssertionError("the pod was never let go")


@given(st.integers(0, 600), st.integers(1, 30), st.lists(st.integers(1, 300), min_size=1, max_size=6), readings, st.data())
def test_restarted_containers_are_never_billed_twice(
    start: int, pause: int, lengths: list[int], times: list[float], data: st.DataObject
) -> None:
    """The kubelet tells of the last run and the one before: an operator that was away for more bills less, never other amounts."""
    runs = []
    for length in lengths:
        runs.append((start, start + length))
        start += length + pause
    ledger: dict[tuple[str, str], UsageEvent] = {}
    meter = Meter(SETTINGS)
    for seconds in [*times, HORIZON_SECONDS + 1000.0]:
        plan = meter.plan([_restarted(runs, seconds)], moment(seconds))
        take(ledger, plan)
        if data.draw(st.booleans()):
            meter.done(plan)
        if data.draw(st.booleans()):
            meter = Meter(SETTINGS)
    held = runs[-1][1] - runs[0][0]
    assert total(ledger, "TrainingCpuSeconds") <= held * 2_000_000
    if len(runs) <= 2:
        assert total(ledger, "TrainingCpuSeconds") == held * 2_000_000


def _restarted(runs: list[tuple[int, int]], now: float) -> Body:
    begun = [run for run in runs if run[0] <= now]
    if not begun:
        return pod(waiting("ray"), phase="Pending")
    last = begun[-2] if len(begun) > 1 else None
    if now < begun[-1][1]:
        return pod(running("ray", begun[-1][0], restarts=len(begun) - 1, last=last))
    if len(begun) < len(runs):
        return pod(waiting("ray", restarts=len(begun) - 1, last=begun[-1]))
    status = ended("ray", *begun[-1]) | {"restartCount": len(begun) - 1}
    if last:
        status["lastState"] = ended("ray", *last)["state"]
    return pod(status, phase="Failed")


def test_the_margin_covers_the_node_controller() -> None:
    """A node is called silent 40 s after its last word: a pod must not have been billed for time after that word."""
    assert SETTLING_SECONDS > 40
    assert us(1) - us(0) == SECOND_US
