"""`python -m moorage_cli.demo`: the digits example from manifest to invoice, with callers, checked and summed up.

story.py      the demo, from a fresh home to the last stopped process
plain_twin.py the same job without the attack, for comparison
callers.py    two tenants calling over HTTP, some of it wrong on purpose
stopwatch.py  how long each part took
summary.py    what is printed and written, and the check that invoices equal what callers counted
"""
