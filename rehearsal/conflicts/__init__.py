"""Backfills beside writers that contradict one another: what the benchmark and its small test share."""
