"""The language in which models are written."""
