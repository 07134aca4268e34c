"""CQL as text: names and types. No session, no driver."""
