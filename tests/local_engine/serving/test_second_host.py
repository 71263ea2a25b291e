"""A second host on the same machine, killed without a chance to clean up."""

import os
import socket

from serving_processes import alive, descendants
from serving_scenario import Host, Keys, eventually, infer, service_config, write_artifact


def test_a_second_host_disturbs_nobody_and_kill_9_leaves_nothing(host, key, tmp_path):
    second_key = Keys(tmp_path / "access.json").create("acme")
    second = Host(tmp_path, [service_config(tmp_path, "iris", write_artifact(tmp_path / "iris" / "artifact"))])
    try:
        second.wait_ready("default/iris")
        assert infer(second, second_key).status_code == 200
        assert infer(host, second_key).status_code == 401
        assert infer(second, key).status_code == 401
        assert infer(host, key).status_code == 200
        below = descendants(second.process.pid)
        assert any("haproxy" in title and "-db" in title for title in below.values())
    finally:
        os.kill(second.process.pid, 9)
        second.process.wait(10)
    try:
        eventually(lambda: not [pid for pid in below if alive(pid)], 30, "every process below the host has ended")
    except AssertionError as error:
        raise AssertionError(f"{error}: {[title for pid, title in below.items() if alive(pid)]}") from None
    assert infer(host, key).status_code == 200
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", second.port)) != 0, "nobody listens there any more"
