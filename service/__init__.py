"""Privity's service: grounded answers over a firm's documents."""

__version__ = "0.1.0"
