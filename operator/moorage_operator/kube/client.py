"""A thin client over kubernetes.aio: JSON in, JSON out, one place through which every write goes.

The generated methods are not used: they turn every answer into model objects, which costs more than the request, and they do not
know KubeRay's kinds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from moorage_api.errors import Problem, Unavailable
from moorage_operator.kube.errors import ApiError, Unreachable, error_of
from moorage_operator.kube.kinds import Kind, kind_of
from moorage_operator.names import FIELD_MANAGER
from moorage_operator.plan import Manifest, ObjectRef

TIMEOUT_SECONDS = 30.0
PAGE_OBJECTS = 500
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_JSON = "application/json"
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Kube:
    """Use as `async with await Kube.connect() as kube`. Every method raises ApiError."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls, connections: int = 64) -> Kube:
        """By KUBECONFIG or ~/.kube/config where there is one, else as the pod's ServiceAccount. Raises Unavailable without either."""
        configuration = client.Configuration()
        try:
            if os.environ.get("KUBERNETES_SERVICE_HOST") and not os.environ.get("KUBECONFIG"):
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            remedy = "set KUBECONFIG, or run in a pod with a ServiceAccount's token"
            raise Unavailable(Problem(f"no way to reach an API server: {error}", "kubeconfig", remedy=remedy)) from None
        configuration.connection_pool_maxsize = connections
        # A proxy is named in the kubeconfig. To look into the environment and ~/.netrc at each request takes a sixth of the time.
        configuration.client_session_kwargs = {"trust_env": False}
        return cls(client.ApiClient(configuration))

    async def __aenter__(self) -> Kube:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, ref: ObjectRef) -> Manifest:
        """The object as it is stored."""
        return await self._request("GET", _path(ref), f"get {ref}")

    async def list_all(self, kind: Kind, namespace: str | None = None) -> list[Manifest]:
        """Every object of the kind that its selector takes, in pages."""
        found: list[Manifest] = []
        query = {"limit": str(PAGE_OBJECTS), **({"labelSelector": kind.selector} if kind.selector else {})}
        while True:
            page = await self._request("GET", f"{kind.path(namespace)}?{urlencode(query)}", f"list {kind.plural}")
            for item in page.get("items") or []:
                found.append({"apiVersion": kind.api_version, "kind": kind.kind, **item})
            following = page.get("metadata", {}).get("continue")
            if not following:
                return found
            query["continue"] = following

    async def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply as the operator's one field manager; conflicts are taken over. The object as it is then stored."""
        ref = ref_of(manifest)
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        return await self._write("PATCH", f"{_path(ref)}?{query}", f"apply {ref}", manifest, _APPLY)

    async def apply_status(self, ref: ObjectRef, status: Mapping[str, Any]) -> Manifest:
        """Server-side apply of the whole status."""
        metadata = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
        body = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "status": dict(status)}
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        return await self._write("PATCH", f"{_path(ref, 'status')}?{query}", f"status of {ref}", body, _APPLY)

    async def set_finalizers(self, ref: ObjectRef, finalizers: tuple[str, ...], resource_version: str) -> Manifest:
        """Replace the finalizers, if nobody changed the object since `resource_version`."""
        body = {"metadata": {"resourceVersion": resource_version, "finalizers": list(finalizers) or None}}
        return await self._write("PATCH", _path(ref), f"finalizers of {ref}", body, _MERGE)

    async def json_patch(self, ref: ObjectRef, uid: str, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """RFC 6902, on this very object: Rejected where it has another uid."""
        body = [{"op": "test", "path": "/metadata/uid", "value": uid}, *operations]
        return await self._write("PATCH", f"{_path(ref)}?fieldManager={FIELD_MANAGER}", f"patch {ref}", body, _JSON_PATCH)

    async def delete(self, ref: ObjectRef, uid: str, propagation: str) -> None:
        """Delete this very object."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation, "preconditions": {"uid": uid}}
        await self._write("DELETE", _path(ref), f"delete {ref}", body, _JSON)

    async def create(self, manifest: Manifest) -> Manifest:
        """Create; Conflict if it is there."""
        ref = ref_of(manifest)
        path = kind_of(ref.api_version, ref.kind).path(ref.namespace)
        return await self._write("POST", f"{path}?fieldManager={FIELD_MANAGER}", f"create {ref}", manifest, _JSON)

    async def _write(self, method: str, path: str, what: str, body: Body, content_type: str) -> Manifest:
        """Every change that the operator makes to the cluster goes through here."""
        return await self._request(method, path, what, body, content_type)

    async def _request(self, method: str, path: str, what: str, body: Body | None = None, content_type: str = _JSON) -> Manifest:
        headers = {"Content-Type": content_type, "Accept": _JSON, "User-Agent": FIELD_MANAGER}
        try:
            await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
            answer = await self._api.call_api(
                method, self._api.configuration.host + path, header_params=headers, body=body, _request_timeout=TIMEOUT_SECONDS
            )
            content = await answer.read() or b""  # type: ignore[no-untyped-call]
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(what, 0, "Unreachable", f"the API server does not answer: {error or type(error).__name__}") from error
        if answer.status >= 400:
            raise error_of(what, answer.status, content)
        try:
            stored: Manifest = json.loads(content)
        except ValueError:
            raise ApiError(what, answer.status, "Malformed", "the API server's answer is not JSON") from None
        return stored


def ref_of(manifest: Manifest) -> ObjectRef:
    """The object that a manifest describes."""
    metadata = manifest["metadata"]
    return ObjectRef(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))


def _path(ref: ObjectRef, subresource: str | None = None) -> str:
    return kind_of(ref.api_version, ref.kind).path(ref.namespace, ref.name, subresource)
