"""The verbs of `moorage`, one file each: parse options, call the engine or the ledger, show the answer. Nothing is decided here."""
