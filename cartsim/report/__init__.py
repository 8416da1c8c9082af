"""Figures and the self-contained report; computes nothing."""
