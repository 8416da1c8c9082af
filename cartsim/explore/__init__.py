"""A local page on which a scenario's controls are moved and its curves follow."""
