"""Whose a token is, by Kubernetes' word: remembered briefly, never guessed."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from moorage_api.errors import InvalidInput, Unavailable
from moorage_billing.service import token_review
from moorage_billing.service.api_server import ApiServer, by_kubeconfig, in_cluster
from moorage_billing.service.authentication import StaticTokens, bearer_token
from moorage_billing.service.token_review import TokenReviews

NAME = "system:serviceaccount:team:digits-serving"
GOOD = {"authenticated": True, "user": {"username": NAME}, "audiences": ["moorage-ledger"]}


class Server:
    """An API server that answers `status`, or fails with it."""

    def __init__(self, status: Any) -> None:
        self.status = status
        self.asked: list[dict[str, Any]] = []
        self.headers: list[httpx.Headers] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/apis/authentication.k8s.io/v1/tokenreviews"
        self.asked.append(json.loads(request.content)["spec"])
        self.headers.append(request.headers)
        await asyncio.sleep(0)
        if isinstance(self.status, Exception):
            raise self.status
        if isinstance(self.status, int):
            return httpx.Response(self.status, json={"kind": "Status", "message": "no"})
        return httpx.Response(201, json={"status": self.status})


def reviews(server: Server, clock: Callable[[], float] = lambda: 0.0, token_file: Path | None = None) -> TokenReviews:
    api = ApiServer("https://kubernetes", ssl.create_default_context(), "own-token", token_file)
    return TokenReviews(api, "moorage-ledger", httpx.MockTransport(server), clock)


def test_a_good_token_is_asked_about_once_a_minute() -> None:
    server, now = Server(GOOD), [0.0]

    async def run() -> None:
        asking = reviews(server, lambda: now[0])
        assert await asyncio.gather(*(asking.username("t") for _ in range(20))) == [NAME] * 20
        assert len(server.asked) == 1, "many with one new token ask once"
        assert server.asked[0] == {"token": "t", "audiences": ["moorage-ledger"]}
        assert server.headers[0]["authorization"] == "Bearer own-token"
        now[0] = 59
        assert await asking.username("t") == NAME
        now[0] = 60
        server.status = {"authenticated": False}
        assert await asking.username("t") is None
        assert len(server.asked) == 2
        await asking.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "status",
    [
        {"authenticated": False, "error": "expired"},
        {**GOOD, "audiences": ["https://kubernetes.default.svc"]},
        {**GOOD, "audiences": None},
        {key: GOOD[key] for key in ("authenticated", "user")},
        {**GOOD, "user": {}},
        {**GOOD, "authenticated": "true"},
    ],
)
def test_anything_but_a_token_made_for_the_ledger_is_nobody_for_five_seconds(status: Any) -> None:
    server, now = Server(status), [0.0]

    async def run() -> None:
        asking = reviews(server, lambda: now[0])
        assert await asking.username("t") is None
        now[0] = 4.9
        assert await asking.username("t") is None
        assert len(server.asked) == 1
        now[0] = 5.0
        server.status = GOOD
        assert await asking.username("t") == NAME

    asyncio.run(run())


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 500, 403, 401])
def test_nobody_gets_in_while_the_api_server_cannot_say(failure: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server, now = Server(GOOD), [0.0]

    async def run() -> None:
        asking = reviews(server, lambda: now[0])
        assert await asking.username("secret-of-a-pod") == NAME
        server.status = failure
        assert await asking.username("secret-of-a-pod") == NAME, "remembered"
        now[0] = 61
        for _ in range(2):
            with pytest.raises(Unavailable, match="the API server cannot say whose the token is") as caught:
                await asking.username("secret-of-a-pod")
            assert "secret-of-a-pod" not in str(caught.value)
        assert len(server.asked) == 3, "a failure is not remembered"
        server.status = GOOD
        assert await asking.username("secret-of-a-pod") == NAME

    asyncio.run(run())
    assert "secret-of-a-pod" not in caplog.text


def test_a_token_is_forgotten_when_it_ends_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_review, "MAX_REMEMBERED", 20)
    server, now = Server(GOOD), [1000.0]
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1010}).encode()).decode().rstrip("=")

    async def run() -> None:
        asking = reviews(server, lambda: now[0])
        await asking.username(f"h.{claims}.s")
        now[0] = 1010
        await asking.username(f"h.{claims}.s")
        assert len(server.asked) == 2
        for number in range(30):
            await asking.username(f"token-{number}")
        assert len(asking._answers) == 20

    asyncio.run(run())


def test_the_pods_own_token_is_read_at_each_use(tmp_path: Path) -> None:
    server, file = Server(GOOD), tmp_path / "token"
    file.write_text("first\n")

    async def run() -> None:
        asking = reviews(server, token_file=file)
        await asking.username("a")
        file.write_text("second\n")
        await asking.username("b")
        file.unlink()
        with pytest.raises(Unavailable, match="token"):
            await asking.username("c")

    asyncio.run(run())
    assert [h["authorization"] for h in server.headers] == ["Bearer first", "Bearer second"]


def test_outside_of_a_pod_there_is_no_api_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Unavailable, match="set kubeconfig, or authentication: Static"):
        in_cluster(tmp_path)


def test_a_kubeconfig_is_read_or_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(
        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:6443/'}}]\nusers: [{name: u, user: {token: abc}}]\n"
    )
    server = by_kubeconfig(file)
    assert (server.url, server.headers()) == ("https://127.0.0.1:6443", {"Authorization": "Bearer abc"})
    for text in ("a: [", "current-context: x\n", "", file.read_text().replace("name: k", "name: other")):
        bad = tmp_path / "bad"
        bad.write_text(text)
        with pytest.raises(InvalidInput, match="not a kubeconfig"):
            by_kubeconfig(bad)
    with pytest.raises(Unavailable, match="nowhere"):
        by_kubeconfig(tmp_path / "nowhere")


def test_static_tokens_are_followed_and_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text("one: alice\n")
    tokens = StaticTokens(file)

    def who(token: str) -> str | None:
        return asyncio.run(tokens.username(token))

    assert (who("one"), who("two")) == ("alice", None)
    file.write_text("two: bob and others\n")
    assert (who("one"), who("two")) == (None, "bob and others")
    file.write_text("two: [secret")
    with pytest.raises(Unavailable, match="not a mapping of tokens to user names") as caught:
        who("two")
    assert "secret" not in str(caught.value)
    file.unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        who("two")


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), (None, None), ("", None), ("Bearer", None), ("Basic abc", None), ("Bearer ü", None)],
)
def test_only_a_bearer_token_counts(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token
