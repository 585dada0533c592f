"""Bounds that all benchmarks share; imports nothing, so that every task can look here."""

MOST_DRAWS = 100_000
"""Draws of a bootstrap are held at once, when all is paid for; intervals gain nothing beyond."""
