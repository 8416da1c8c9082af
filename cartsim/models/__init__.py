"""Published and shipped models, one file each."""
