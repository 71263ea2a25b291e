"""Real hosts: `python -m moorage_serving` with Ray, Ray Serve and HAProxy."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))

from serving_scenario import DIGITS, LOANS, Host, Keys, service_config, write_artifact


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.local_engine)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("a home")


@pytest.fixture(scope="session")
def keys(home):
    return Keys(home / "access.json")


@pytest.fixture(scope="session")
def configs(home, keys, key):
    """`iris`: one replica. `crowd`: three. `loans`: by column. `broken`: an artifact that was altered after it was sealed."""
    services = {
        "iris": service_config(home, "iris", write_artifact(home / "iris" / "artifact"), tenants=("acme", "slow")),
        "crowd": service_config(home, "crowd", write_artifact(home / "crowd" / "artifact", DIGITS), replicas=3, tenants=("acme", "slow")),
        "loans": service_config(home, "loans", write_artifact(home / "loans" / "artifact", LOANS)),
        "broken": service_config(home, "broken", write_artifact(home / "broken" / "artifact")),
    }
    with (home / "broken" / "artifact" / "card.md").open("a") as card:
        card.write("better than it is\n")
    return services


@pytest.fixture(scope="session")
def host(home, configs):
    running = Host(home, list(configs.values()))
    try:
        running.wait_ready("default/iris", "default/loans")
        running.wait_ready("default/crowd", replicas=3)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def key(keys):
    """A key that the replicas know from their start on."""
    return keys.create("acme")
