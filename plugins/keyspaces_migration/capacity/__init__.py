"""Capacity and cost of a migration: sizes of rows, their distribution, hot partitions, prices, order of the load.

Pure: numbers in, frozen dataclasses out; no clock, no session. `prices_file` alone reads a file. `columnar` loads
pyarrow, `distribution` scipy; the others are light.
"""
