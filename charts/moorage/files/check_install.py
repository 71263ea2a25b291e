"""What `helm test` runs in the operator's image: the API server serves Moorage's five kinds, and every URL given answers 200.

Names the first that does not come in time. Only the standard library.
"""
# ruff: noqa: S310, T201 (the URLs are the chart's own; what is printed is the result)

import json
import os
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

WAIT_SECONDS = 150
DEFINITIONS = ("datasets", "modelservices", "priceplans", "tenants", "trainingjobs")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def ready(url: str) -> str:
    """Why the URL is not well; empty if it is."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return "" if answer.status == 200 else f"it answers {answer.status}"


def established(plural: str) -> str:
    """Why the API server does not serve the kind; empty if it does."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    url = f"https://{host}:{port}/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.moorage.dev"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"})
    with urllib.request.urlopen(request, timeout=5, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt")) as answer:
        conditions = json.load(answer).get("status", {}).get("conditions", [])
    held = {condition["type"] for condition in conditions if condition["status"] == "True"}
    return "" if "Established" in held else "the API server has not established it"


def wait_for(what: str, problem_of: Callable[[], str], deadline: float) -> None:
    """Ends the process when there is still a problem at the deadline."""
    while True:
        try:
            problem = problem_of()
        except (OSError, ValueError) as error:  # what urllib raises is an OSError
            problem = str(error)
        if not problem:
            print(f"ok: {what}", flush=True)
            return
        if time.monotonic() > deadline:
            sys.exit(f"failed: {what}: {problem}")
        time.sleep(1)


def main(urls: list[str]) -> None:
    """Check everything, in order."""
    deadline = time.monotonic() + WAIT_SECONDS
    for plural in DEFINITIONS:
        wait_for(f"{plural}.moorage.dev", partial(established, plural), deadline)
    for url in urls:
        wait_for(url, partial(ready, url), deadline)


if __name__ == "__main__":
    main(sys.argv[1:])
