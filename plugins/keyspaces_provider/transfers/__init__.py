"""Operators that copy from one system to another."""
