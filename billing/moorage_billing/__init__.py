"""Metering outbox, ledger, privacy ledger, prices, invoices: the truth about money and privacy.

May import the API only; knows nothing of Ray or torch. HTTP frameworks and Kubernetes are known to `service/` alone.
"""
