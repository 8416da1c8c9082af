"""The version of cartsim: one number, written into every result."""

__version__ = "0.1.0"
