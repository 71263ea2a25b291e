"""The Kubernetes API as the tests speak it: plain requests, so that what is tested is not also what tests."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from moorage_operator.plan import ObjectRef

Body = dict[str, Any]
TRY_AGAIN_SECONDS = 15.0
MERGE, STRATEGIC, JSON, APPLY = (
    f"application/{name}" for name in ("merge-patch+json", "strategic-merge-patch+json", "json-patch+json", "apply-patch+yaml")
)


class ApiError(Exception):
    """The API server's refusal."""

    def __init__(self, status: Body) -> None:
        super().__init__(f"{status.get('code')} {status.get('reason')}: {status.get('message')}")
        self.code = int(status.get("code") or 0)
        self.reason = str(status.get("reason") or "")
        self.message = str(status.get("message") or "")
        self.causes = [(str(c.get("field", "")), str(c.get("message", ""))) for c in (status.get("details") or {}).get("causes") or []]


class Api:
    """One user's view of one API server."""

    def __init__(self, server: str, authority: Path, token: str, user: str = "", groups: tuple[str, ...] = ()) -> None:
        self.server, self.authority, self.token = server, authority, token
        headers = [("Authorization", f"Bearer {token}")]
        if user:
            headers += [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        self._client = httpx.Client(
            base_url=server, headers=headers, verify=ssl.create_default_context(cafile=str(authority)), timeout=90, trust_env=False
        )
        self._resources: dict[str, dict[str, Body]] = {}

    def acting_as(self, user: str, *groups: str) -> Api:
        """The same server as somebody else."""
        return Api(self.server, self.authority, self.token, user, ("system:authenticated", *groups))

    def acting_as_account(self, namespace: str, name: str) -> Api:
        """The same server as a ServiceAccount."""
        return self.acting_as(f"system:serviceaccount:{namespace}:{name}", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")

    def with_token(self, token: str) -> Api:
        """The same server, with another token."""
        return Api(self.server, self.authority, token)

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: Any) -> Body:
        """One request. `body` is sent as it is if it is bytes. Raises ApiError."""
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        params = {k: v for k, v in query.items() if v is not None}
        deadline = time.monotonic() + TRY_AGAIN_SECONDS
        while True:
            answer = self._client.request(method, path, content=content, headers={"Content-Type": content_type}, params=params)
            if answer.status_code != 429 or time.monotonic() > deadline:
                break
            time.sleep(0.1)  # the server asks for it: a new definition's storage is not ready yet, for one
        if answer.is_error:
            try:
                status = answer.json()
            except ValueError:
                status = {"message": answer.text}
            raise ApiError({"code": answer.status_code, **status})
        is_json = answer.content and "json" in answer.headers.get("content-type", "")  # a watch that saw nothing has no content
        return answer.json() if is_json else {"text": answer.text}

    def create(self, manifest: Body, dry_run: bool = False, field_validation: str = "Strict") -> Body:
        """POST."""
        path = self._path(manifest["apiVersion"], manifest["kind"], _namespace(manifest))
        return self.request("POST", path, manifest, dryRun="All" if dry_run else None, fieldValidation=field_validation)

    def apply(self, manifest: Body, manager: str = "tests", dry_run: bool = False, subresource: str = "") -> Body:
        """Server-side apply, with force and strict field validation."""
        path = self._path(manifest["apiVersion"], manifest["kind"], _namespace(manifest), manifest["metadata"]["name"], subresource)
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict", "dryRun": "All" if dry_run else None}
        return self.request("PATCH", path, manifest, APPLY, **query)

    def apply_all(self, manifests: Iterable[Body]) -> list[Body]:
        """Server-side apply each, in their order."""
        return [self.apply(manifest) for manifest in manifests]

    def get(self, ref: ObjectRef) -> Body | None:
        """The object; None if there is none."""
        try:
            return self.request("GET", self.path_of(ref))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None) -> list[Body]:
        """All of a kind (of a namespace), each with apiVersion and kind."""
        answer = self.request("GET", self._path(api_version, kind, namespace), labelSelector=labels)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"]]

    def patch(self, ref: ObjectRef, patch: Any, content_type: str = MERGE, subresource: str = "") -> Body:
        """PATCH."""
        return self.request("PATCH", self.path_of(ref, subresource), patch, content_type)

    def delete(self, ref: ObjectRef, propagation: str = "Background", **options: Any) -> Body | None:
        """DELETE; None if there is no such object."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation, **options}
        try:
            return self.request("DELETE", self.path_of(ref), body)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def path_of(self, ref: ObjectRef, subresource: str = "") -> str:
        """The path of an object or of its subresource."""
        return self._path(ref.api_version, ref.kind, ref.namespace, ref.name, subresource)

    def _path(self, api_version: str, kind: str, namespace: str | None, name: str = "", subresource: str = "") -> str:
        resource = self._resource(api_version, kind)
        parts = [_root(api_version)]
        if resource["namespaced"] and namespace:
            parts += ["namespaces", namespace]
        parts += [resource["name"], *([name] if name else []), *([subresource] if subresource else [])]
        return "/".join(parts)

    def _resource(self, api_version: str, kind: str) -> Body:
        if kind not in self._resources.get(api_version, {}):
            listed = self.request("GET", _root(api_version))["resources"]
            self._resources[api_version] = {r["kind"]: r for r in listed if "/" not in r["name"]}
        try:
            return self._resources[api_version][kind]
        except KeyError:
            raise ApiError({"code": 404, "reason": "NotFound", "message": f"no kind {kind} in {api_version}"}) from None


def ref_of(body: Body) -> ObjectRef:
    """Which object a body is of."""
    return ObjectRef(body["apiVersion"], body["kind"], body["metadata"]["name"], body["metadata"].get("namespace"))


def _namespace(manifest: Body) -> str | None:
    return manifest["metadata"].get("namespace") or "default"


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
