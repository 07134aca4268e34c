"""The sample data: real flights from New York in 2013, as a source, and as the history that led to it."""
