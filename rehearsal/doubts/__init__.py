"""Checks of stores that can't be looked at: in every way that one machine can make happen, from the start or later."""
