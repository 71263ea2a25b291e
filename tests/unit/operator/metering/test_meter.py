"""Events before releases; nothing twice, nothing lost when an application fails."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from unit.operator.metering.pods import SETTINGS, Body, at, container, ended, pod, running, us, waiting

from moorage_api.usage import UsageEvent
from moorage_operator import names
from moorage_operator.metering import decide_metering as decide_module
from moorage_operator.metering.decide_metering import decide_metering
from moorage_operator.metering.infrastructure_cost import InfrastructureCost
from moorage_operator.metering.meter import Meter
from moorage_operator.plan import ObjectRef, Plan, PutEvents, Record, SetFinalizers

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def events(plan: Plan) -> list[UsageEvent]:
    return [event for action in plan.actions if isinstance(action, PutEvents) for event in action.events]


def released(plan: Plan) -> list[str]:
    return [action.ref.name for action in plan.actions if isinstance(action, SetFinalizers)]


def test_a_running_pod_is_billed_by_whole_buckets_and_kept() -> None:
    plan = decide_metering([pod(running("ray", 30))], moment(200), SETTINGS)
    assert [(e.source, e.id, e.time, e.quantities) for e in events(plan)] == [
        ("Pod/p1", at(0), at(0), {"TrainingCpuSeconds": 60_000_000}),
        ("Pod/p1", at(60), at(60), {"TrainingCpuSeconds": 120_000_000}),
    ]
    assert released(plan) == []
    assert plan.look_again_seconds == SETTINGS.metering_seconds


def test_a_pod_that_ended_is_billed_to_its_last_second_and_then_let_go() -> None:
    body = pod(ended("ray", 30, 75), phase="Succeeded", finalizers=("a/b", names.METERING_FINALIZER))
    plan = decide_metering([body], moment(76), SETTINGS)
    assert [e.quantities["TrainingCpuSeconds"] for e in events(plan)] == [60_000_000, 30_000_000]
    assert plan.actions[-1] == SetFinalizers(ObjectRef("v1", "Pod", "digits-p1", "team-a"), ("a/b",), "7")
    assert isinstance(plan.actions[0], PutEvents)


def test_a_deleted_pod_whose_containers_run_keeps_its_finalizer() -> None:
    plan = decide_metering([pod(running("ray", 0), deleted=100)], moment(300), SETTINGS)
    assert [e.time for e in events(plan)] == [at(0)]
    assert released(plan) == []
    gone = decide_metering([pod(ended("ray", 0, 110), deleted=100)], moment(300), SETTINGS)
    assert sum(e.quantities["TrainingCpuSeconds"] for e in events(gone)) == 220_000_000
    assert released(gone) == ["digits-p1"]


def test_a_pod_on_a_lost_node_is_let_go_after_five_minutes() -> None:
    body = pod(running("ray", 0), deleted=100, grace=30)
    assert released(decide_metering([body], moment(429), SETTINGS)) == []
    plan = decide_metering([body], moment(430), SETTINGS)
    assert released(plan) == ["digits-p1"]
    assert sum(e.quantities["TrainingCpuSeconds"] for e in events(plan)) == 260_000_000


def test_a_pod_that_never_started_is_let_go_without_a_bill() -> None:
    for body in (pod(node=None, deleted=5), pod(waiting("ray"), phase="Failed"), pod(waiting("ray"), deleted=5, grace=0)):
        plan = decide_metering([body], moment(6), SETTINGS)
        assert (events(plan), released(plan)) == ([], ["digits-p1"])
    assert decide_metering([pod(waiting("ray"))], moment(6), SETTINGS).actions == ()


def test_a_pod_that_cannot_be_metered_says_so_when_it_goes_and_holds_up_no_other() -> None:
    bad = pod(ended("ray", 0, 10), phase="Failed", labels={names.TENANT: ""})
    good = pod(ended("ray", 0, 10), phase="Failed", uid="p2")
    plan = decide_metering([bad, good], moment(20), SETTINGS)
    assert [e.source for e in events(plan)] == ["Pod/p2"]
    assert released(plan) == ["digits-p1", "digits-p2"]
    record = next(action for action in plan.actions if isinstance(action, Record))
    assert (record.type, record.reason) == ("Warning", "NotMetered")
    assert decide_metering([pod(running("ray", 0), labels={names.TENANT: ""})], moment(300), SETTINGS).actions == ()


def test_a_pod_without_the_finalizer_is_billed_and_left_alone() -> None:
    plan = decide_metering([pod(ended("ray", 0, 10), phase="Failed", finalizers=())], moment(20), SETTINGS)
    assert (len(events(plan)), released(plan)) == (1, [])


def test_batches_are_bounded_and_the_rest_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide_module, "MAX_BATCH", 3)
    monkeypatch.setattr(decide_module, "MAX_EVENTS", 7)
    pods = [pod(running("ray", 0), uid="p1"), pod(ended("ray", 0, 300), uid="p2", phase="Failed"), pod(running("ray", 0), uid="p3")]
    meter, seen, plans = Meter(SETTINGS), Counter[tuple[str, str]](), 0
    while True:
        plan = meter.plan(pods, moment(660))
        plans += 1
        assert all(len(action.events) <= 3 for action in plan.actions if isinstance(action, PutEvents))
        seen.update((e.source, e.id) for e in events(plan))
        if plans == 1:
            assert [e.source for e in events(plan)][:5] == ["Pod/p2"] * 5
            assert released(plan) == ["digits-p2"]
        meter.done(plan)
        if plan.look_again_seconds:
            break
        assert plan.look_again_seconds == 0.0
    assert plans == 4
    assert set(seen.values()) == {1}
    assert len(seen) == 10 + 5 + 10


def test_what_was_not_done_comes_again() -> None:
    meter, body = Meter(SETTINGS), pod(running("ray", 0))
    first = meter.plan([body], moment(200))
    assert meter.plan([body], moment(200)) == first
    meter.done(first)
    assert events(meter.plan([body], moment(215))) == []
    assert [e.time for e in events(meter.plan([body], moment(260)))] == [at(120)]


def test_a_new_meter_sends_what_the_old_one_sent() -> None:
    body = pod(running("ray", 0))
    old = Meter(SETTINGS)
    sent = old.plan([body], moment(200))
    old.done(sent)
    assert events(Meter(SETTINGS).plan([body], moment(215))) == events(sent)


def test_a_meter_remembers_a_start_that_the_kubelet_forgets() -> None:
    meter = Meter(SETTINGS)
    meter.done(meter.plan([pod(running("ray", 10))], moment(20)))
    plan = meter.plan([pod(running("ray", 100, restarts=3, last=(80, 90)))], moment(300))
    assert events(plan)[0].quantities == {"TrainingCpuSeconds": 100_000_000}
    forgotten = Meter(SETTINGS).plan([pod(running("ray", 100, restarts=3, last=(80, 90)))], moment(300))
    assert events(forgotten) == [e for e in events(plan) if e.time >= at(120)]


def test_a_kubelet_whose_clock_is_ahead_is_taken_at_its_word_and_lets_go() -> None:
    running_ahead = decide_metering([pod(running("ray", 1000))], moment(0), SETTINGS)
    assert events(running_ahead) == []
    plan = decide_metering([pod(ended("ray", 1000, 1030), phase="Succeeded")], moment(0), SETTINGS)
    assert [e.quantities for e in events(plan)] == [{"TrainingCpuSeconds": 40_000_000}, {"TrainingCpuSeconds": 20_000_000}]
    assert released(plan) == ["digits-p1"]


def test_infrastructure_is_counted_once_at_the_pools_price_from_the_first_look_on() -> None:
    meter = Meter(SETTINGS)
    gpu = [container("ray", {"cpu": "8", "nvidia.com/mig-1g.5gb": "2"})]
    pods = [
        pod(running("ray", 0)),
        pod(running("ray", 0), uid="p2", pool="gpu", containers=gpu),
        pod(running("ray", 0), uid="p3", pool="x"),
    ]
    assert meter.done(meter.plan(pods, moment(60))) == []
    plan = meter.plan(pods, moment(240))
    # The first minute was before the first look. 2 cores x 120 s at 0.036 an hour; 2 GPUs x 120 s at 3.6 an hour.
    assert meter.done(plan) == [InfrastructureCost("acme", "default", 2_400_000), InfrastructureCost("acme", "gpu", 240_000_000)]
    assert meter.done(plan) == []


def test_what_is_known_of_pods_that_are_gone_is_forgotten() -> None:
    meter = Meter(SETTINGS)
    meter.done(meter.plan([pod(running("ray", 0))], moment(200)))
    meter.plan([], moment(210))
    assert meter._known == {}


def test_serving_pods_have_meters_of_their_own() -> None:
    body: Body = pod(ended("ray", 0, 60), phase="Failed", labels={names.KIND: "ModelService"})
    assert [e.quantities for e in events(decide_metering([body], moment(70), SETTINGS))] == [{"ServingCpuSeconds": 120_000_000}]
    assert us(0) % 60_000_000 == 0
