"""What CloudWatch says of the target's tables: requests that were throttled, and the capacity that was used.

A table that nobody asks of anything has no data points, so that nothing seen is told from nothing that happened.
"""
