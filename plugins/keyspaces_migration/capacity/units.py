"""Capacity units, and the limits that they run into.

Source: Developer Guide, "Configure read/write capacity modes" and "Quotas". Sizes are of a row as metered for
throughput; 1 KB is 1,024 bytes, as in AWS's own calculator (aws-samples/sample-pricing-calculator-for-keyspaces).
"""

WRITE_UNIT_BYTES = 1024
"""One write at LOCAL_QUORUM, of so much of a row or less."""
READ_UNIT_BYTES = 4096
"""One read at LOCAL_QUORUM, or two at LOCAL_ONE or ONE."""

MAX_ROW_BYTES = 1024 * 1024
"""With all metadata, that of storage too; the guide counts it."""
NEAR_MAX_ROW_BYTES = 900 * 1024

PARTITION_WRITE_UNITS_PER_S = 1_000
PARTITION_READ_UNITS_PER_S = 3_000
"""Of a storage partition (troubleshooting.serverless, quotas); neither can be raised."""

NEW_ON_DEMAND_WRITE_UNITS_PER_S = 4_000
"""What a new on-demand table serves (ReadWriteCapacityMode.OnDemand); it grows to twice the previous peak."""
