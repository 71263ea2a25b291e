"""Kopf's decorators, a few lines each: an event changes the cache and puts keys into the queue. No decision is made here."""
