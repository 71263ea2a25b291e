"""The ledger over HTTP: `python -m moorage_billing.service --config FILE`. One process; see docs/design/ledger.md for its routes.

The only part of billing that knows of an HTTP framework or of Kubernetes (to ask whose a token is). Its modules are not
imported from outside of it; clients use moorage_billing.remote.
"""
