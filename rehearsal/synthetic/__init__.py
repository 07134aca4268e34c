"""Made-up data for any migration file: a source, and the history that led to it. The same at every run with one seed."""
