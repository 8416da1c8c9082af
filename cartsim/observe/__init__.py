"""From model states to what a laboratory reports."""
