"""A fit folder run from end to end."""
