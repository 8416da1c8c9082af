"""Clones: from a polyclonal product to the few that persist. Our own model; no publication has one."""
