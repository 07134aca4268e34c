"""Made-up data for any migration file: a source, and the history that led to it. One seed makes the same rows."""
