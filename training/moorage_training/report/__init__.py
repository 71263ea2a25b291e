"""What a run tells the outside: the report, and the heartbeats of its workers that it is made from."""
