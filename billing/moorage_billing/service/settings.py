"""The service's settings: one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from moorage_api.base import ApiModel, Rule, Text
from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.problems import broken_rules, problems_of
from moorage_api.yaml_documents import NotYaml, read_yaml

Username = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class ServiceSettings(ApiModel):
    """How the ledger's service listens, where its database is, and who may do what."""

    rules = (
        Rule(
            ".ledgerFile",  # not .ledger, which may hold a password: messages show what stands in the field
            "has(self.ledger) != has(self.ledgerFile)",
            lambda s: (s.ledger is None) != (s.ledger_file is None),
            "the database is named either by ledger or by ledgerFile; set one of them",
        ),
        Rule(
            ".staticTokens",
            "(self.authentication == 'Static') == has(self.staticTokens)",
            lambda s: (s.authentication == "Static") == (s.static_tokens is not None),
            "staticTokens goes with authentication: Static; set both or neither",
        ),
    )

    host: Text = "0.0.0.0"  # noqa: S104 - a pod is reached by its own address
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port to listen on; 0 for any that is free."""
    ledger: Text | None = None
    """The database: `sqlite:////ABSOLUTE/PATH` or `postgresql://USER:PASSWORD@HOST/NAME`."""
    ledger_file: Text | None = None
    """A file that holds that URL, such as a mounted Secret."""
    audience: Text = "moorage-ledger"
    """What tokens must be made for."""
    operator: Username
    """The user name that may do everything, e.g. `system:serviceaccount:moorage:moorage-operator`."""
    administrators: list[Username] = []
    """User names that may see money, privacy and keys, and make and revoke keys."""
    authentication: Literal["TokenReview", "Static"] = "TokenReview"
    """TokenReview: Kubernetes says whose a token is. Static: a file does."""
    static_tokens: Text | None = None
    """Of Static: a YAML mapping of token to user name; re-read when it changes."""
    kubeconfig: Text | None = None
    """Of TokenReview outside of a cluster: how to reach the API server. Default: as the pod's own ServiceAccount."""
    threads: Annotated[int, Field(ge=1, le=64)] = 8
    """How many requests work on the database at once."""

    def ledger_url(self) -> str:
        """The database's URL. Raises Unavailable if the file that holds it cannot be read."""
        if self.ledger_file is None:
            return self.ledger or ""
        try:
            return Path(self.ledger_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            fix = "mount the Secret that holds the database's URL there"
            raise Unavailable(Problem(f"cannot be read: {error}", self.ledger_file, "ledgerFile", remedy=fix)) from None


def read_settings(path: Path) -> ServiceSettings:
    """Raises InvalidInput, naming every field that is wrong; Unavailable if the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(Problem(f"cannot be read: {error}", str(path), remedy="name the settings by --config")) from None
    try:
        documents = read_yaml(text)
    except NotYaml as error:
        raise InvalidInput(Problem(f"not YAML: {error}", str(path))) from None
    if len(documents) != 1:
        raise InvalidInput(Problem(f"holds {len(documents)} documents, not one", str(path)))
    try:
        settings = ServiceSettings.from_wire(documents[0])
    except ValidationError as error:
        raise InvalidInput(*problems_of(error, str(path))) from None
    if problems := list(broken_rules(settings, str(path))):
        raise InvalidInput(*problems)
    return settings
