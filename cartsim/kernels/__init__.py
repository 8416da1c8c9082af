"""Compiled numerical kernels: arrays in, arrays and a status out; no names, units or files."""
