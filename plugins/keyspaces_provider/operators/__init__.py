"""Operators: one module a stage, keyword-only, light to import."""
