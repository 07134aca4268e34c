"""Long runs under faults: what is acknowledged must be there at the end."""
