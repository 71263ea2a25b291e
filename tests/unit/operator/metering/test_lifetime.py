"""What a pod's object says of what it held, and of when."""

from __future__ import annotations

import pytest
from unit.operator.metering.pods import Body, condition, container, ended, pod, running, us, waiting

from moorage_api.usage import Subject
from moorage_operator import names
from moorage_operator.metering.lifetime import LOST_SECONDS, Unmeterable, pod_lifetime
from moorage_operator.metering.pod_end import is_over, never_starts
from moorage_operator.metering.quantity import micro_of


@pytest.mark.parametrize(
    ("quantity", "micro"),
    [
        ("2", 2_000_000),
        ("250m", 250_000),
        ("0.1", 100_000),
        ("1500000u", 1_500_000),
        ("1e3", 10**9),
        ("2k", 2 * 10**9),
        ("1Ki", 1024 * 10**6),
    ],
)
def test_quantities(quantity: str, micro: int) -> None:
    assert micro_of(quantity) == micro


@pytest.mark.parametrize("text", ["", "m", "two", "1x", "."])
def test_what_is_no_quantity_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        micro_of(text)


def test_whom_for_and_how_much() -> None:
    body = pod(
        running("ray", 5),
        waiting("exporter"),
        containers=[
            container("ray", {"cpu": "2", "nvidia.com/mig-1g.5gb": "1"}, {"cpu": "1"}),
            container("exporter", requests={"cpu": "250m", "amd.com/gpu": "2"}),
        ],
        sidecars=[container("agent", {"cpu": "100m"}, restartPolicy="Always"), container("wait", {"cpu": "8"})],
        pool="gpu",
    )
    lifetime = pod_lifetime(body, frozenset({"nvidia.com/mig-1g.5gb"}))
    assert lifetime is not None
    assert lifetime.subject == Subject(kind="TrainingJob", namespace="team-a", name="digits", uid="j1")
    assert (lifetime.uid, lifetime.tenant, lifetime.pool, lifetime.cpus, lifetime.gpus) == ("p1", "acme", "gpu", 2.35, 3.0)
    assert (lifetime.start_us, lifetime.end_us, lifetime.certain_until_us) == (us(5), None, None)


def test_a_pod_that_never_started_has_no_lifetime() -> None:
    assert pod_lifetime(pod()) is None
    assert pod_lifetime(pod(waiting("ray"))) is None


def test_the_end_is_the_last_containers() -> None:
    agent = [container("agent", restartPolicy="Always")]
    body = pod(ended("ray", 5, 65), sidecars=agent, sidecar_statuses=[ended("agent", 2, 68)], phase="Succeeded")
    lifetime = pod_lifetime(body)
    assert lifetime is not None
    assert (lifetime.start_us, lifetime.end_us) == (us(5), us(68))
    alive = pod(ended("ray", 5, 65), sidecars=agent, sidecar_statuses=[running("agent", 2)], deleted=60)
    assert not is_over(alive)
    lifetime = pod_lifetime(alive)
    assert lifetime is not None
    assert lifetime.end_us is None


def test_containers_that_ended_may_start_again_unless_the_pod_is_final_or_deleted() -> None:
    assert not is_over(pod(ended("ray", 5, 65)))
    assert is_over(pod(ended("ray", 5, 65), phase="Failed"))
    assert is_over(pod(ended("ray", 5, 65), deleted=60))


def test_a_restarted_container_held_since_its_first_start() -> None:
    once = pod_lifetime(pod(running("ray", 90, restarts=1, last=(5, 80))))
    crashed = pod_lifetime(pod(waiting("ray", restarts=0, last=(5, 80))))
    assert once is not None
    assert crashed is not None
    assert once.start_us == crashed.start_us == us(5)


@pytest.mark.parametrize(
    "status",
    [running("ray", 190, restarts=2, last=(90, 180)), waiting("ray", restarts=1, last=(90, 180)), running("ray", 90, restarts=1)],
)
def test_a_start_that_the_kubelet_forgot_is_not_guessed(status: Body) -> None:
    lifetime = pod_lifetime(pod(status))
    assert lifetime is not None
    assert (lifetime.start_us, lifetime.first_start) == (us(120), False)
    remembered = pod_lifetime(pod(status), remembered_start_us=us(5))
    assert remembered is not None
    assert (remembered.start_us, remembered.first_start) == (us(5), True)


def test_a_container_whose_times_are_lost_does_not_make_another_one_the_first() -> None:
    containers = [container("ray"), container("other")]
    lifetime = pod_lifetime(pod(ended("ray", None, None), running("other", 7), containers=containers))
    assert lifetime is not None
    assert lifetime.start_us == us(60)


def test_a_deletion_bounds_what_is_certain_by_when_it_was_asked_for() -> None:
    lifetime = pod_lifetime(pod(running("ray", 5), deleted=100, grace=30))
    forced = pod_lifetime(pod(running("ray", 5), deleted=100, grace=0))
    assert lifetime is not None
    assert forced is not None
    assert lifetime.certain_until_us == forced.certain_until_us == us(100)
    assert lifetime.certain_at(us(1000)) == us(100)
    assert lifetime.certain_at(us(110)) == us(50)


def test_a_silent_node_bounds_what_is_certain() -> None:
    silent = [condition("Ready", "False", 200), condition("ContainersReady", "True", 5)]
    unready = [condition("Ready", "False", 200), condition("ContainersReady", "False", 200)]
    for conditions, certain in ((silent, 140), (unready, 940)):
        lifetime = pod_lifetime(pod(running("ray", 5), conditions=conditions))
        assert lifetime is not None
        assert lifetime.certain_at(us(1000)) == us(certain)


def test_a_pod_on_a_lost_node_ends_with_its_grace_period() -> None:
    lifetime = pod_lifetime(pod(running("ray", 5), deleted=100, grace=30))
    assert lifetime is not None
    assert lifetime.end_at(us(130 + LOST_SECONDS - 1)) is None
    assert lifetime.end_at(us(130 + LOST_SECONDS)) == us(130)


def test_a_final_pod_whose_containers_never_reported_ends_when_its_condition_says() -> None:
    gone = pod(running("ray", 5), phase="Failed", conditions=[condition("DisruptionTarget", "True", 300), condition("Ready", "False", 200)])
    lifetime = pod_lifetime(gone)
    assert lifetime is not None
    assert lifetime.end_us == us(300)
    mute = pod_lifetime(pod(running("ray", 5), phase="Failed", deleted=100, grace=0))
    assert mute is not None
    assert mute.end_us == us(100)


def test_who_never_starts() -> None:
    assert never_starts(pod(node=None, deleted=10), us(10))
    assert not never_starts(pod(node=None), us(10))
    assert not never_starts(pod(waiting("ray"), deleted=10, grace=30), us(20))
    assert never_starts(pod(waiting("ray"), deleted=10, grace=30), us(40))
    assert never_starts(pod(waiting("ray"), deleted=10, grace=0), us(10))


@pytest.mark.parametrize(("label", "value"), [(names.TENANT, ""), (names.KIND, "Deployment"), (names.UID, "")])
def test_a_pod_that_does_not_say_who_pays_is_not_metered(label: str, value: str) -> None:
    with pytest.raises(Unmeterable, match=label):
        pod_lifetime(pod(running("ray", 5), labels={label: value}))


def test_resources_that_cannot_be_read_are_said() -> None:
    with pytest.raises(Unmeterable, match="container ray cannot be read: 'lots' is not a quantity"):
        pod_lifetime(pod(running("ray", 5), containers=[container("ray", {"cpu": "lots"})]))
