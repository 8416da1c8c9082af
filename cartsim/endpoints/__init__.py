"""Outcomes of a patient: one row each."""
