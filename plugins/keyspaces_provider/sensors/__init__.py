"""Sensors of the stages."""
