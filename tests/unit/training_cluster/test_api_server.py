"""The API server's client: one ConfigMap, the token of this moment, errors by kind."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from moorage_api.errors import InvalidInput
from moorage_training.cluster.api_server import ApiServer, ApiServerError, NotAllowed, NotThere, Unreachable


def test_a_config_map_is_patched_by_key_and_read(config_maps, account):
    server = ApiServer(config_maps.address, account)
    config_maps.data["digits-admission"] = {"admission.json": "{}", "other": "x"}
    assert server.get_config_map("team-a", "digits-admission") == {"admission.json": "{}", "other": "x"}
    config_maps.data["digits-report"]["other"] = "stays"
    report = '{"version":"moorage.dev/report.v1","phase":"Starting","updatedAt":"2026-01-01T00:00:00Z"}'
    server.patch_config_map("team-a", "digits-report", {"report.json": report})
    assert config_maps.data["digits-report"] == {"report.json": report, "other": "stays"}


def test_the_token_is_read_at_every_use(config_maps, account):
    server = ApiServer(config_maps.address, account)
    server.get_config_map("team-a", "digits-report")
    config_maps.token = "renewed"
    with pytest.raises(NotAllowed, match="401"):
        server.get_config_map("team-a", "digits-report")
    (account / "token").write_text("renewed")
    server.get_config_map("team-a", "digits-report")
    (account / "token").unlink()
    with pytest.raises(Unreachable, match="token"):
        server.get_config_map("team-a", "digits-report")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAllowed), (403, NotAllowed), (404, NotThere), (409, ApiServerError), (429, ApiServerError), (500, ApiServerError)],
)
def test_an_error_is_of_its_kind_and_names_the_object(config_maps, account, status, kind):
    config_maps.fails = [status]
    with pytest.raises(ApiServerError, match=f"ConfigMap team-a/digits-report: {status} as the test wishes") as raised:
        ApiServer(config_maps.address, account).patch_config_map("team-a", "digits-report", {"k": "v"})
    assert type(raised.value) is kind


def test_a_server_that_is_gone_or_talks_nonsense_is_unreachable(config_maps, account):
    config_maps.close()
    with pytest.raises(Unreachable, match="no answer"):
        ApiServer(config_maps.address, account).get_config_map("team-a", "digits-report")


def test_the_address_is_kubernetes_own_unless_another_is_given(monkeypatch):
    monkeypatch.delenv("MOORAGE_API_SERVER", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidInput, match="not in a pod"):
        ApiServer.of_this_pod()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    assert ApiServer.of_this_pod().address == "https://10.0.0.1:6443"
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    assert ApiServer.of_this_pod().address == "https://[fd00::1]:6443"
    monkeypatch.setenv("MOORAGE_API_SERVER", "http://localhost:1")
    assert ApiServer.of_this_pod().address == "http://localhost:1"


def authority(folder: Path) -> tuple[Path, bytes]:
    """A server's key and certificate for 127.0.0.1, and the certificate that its clients must trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    start = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, start + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(names, False).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + certificate)
    return path, certificate


def test_only_a_server_of_the_pods_authority_gets_the_token(account, tmp_path):
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers["Authorization"])
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    (_, of_another), (pem, certificate) = authority(tmp_path), authority(tmp_path)
    https = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    https.socket = context.wrap_socket(https.socket, server_side=True)
    threading.Thread(target=https.serve_forever, args=(0.05,), daemon=True).start()
    server = ApiServer(f"https://127.0.0.1:{https.server_port}", account)
    try:
        with pytest.raises(Unreachable, match="No such file"):
            server.get_config_map("team-a", "x")
        (account / "ca.crt").write_bytes(of_another)
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            server.get_config_map("team-a", "x")
        (account / "ca.crt").write_bytes(certificate)
        assert server.get_config_map("team-a", "x") == {}
    finally:
        https.shutdown()
        https.server_close()
    assert tokens == ["Bearer a token"]
