"""Capacity and cost of a migration: sizes of rows, their distribution, hot partitions, prices, order of the load.

Pure: numbers in, frozen dataclasses out; no clock, no session. `prices_file` alone reads a file. `columnar` loads
pyarrow, `distribution` scipy, `load_cost` and `order` the backfill (for its deadline) and with it the driver.
"""
