"""Metering outbox, ledger, privacy ledger, prices, invoices: the truth about money and privacy.

May import the API only; knows nothing of Ray, torch, HTTP frameworks or Kubernetes.
"""
