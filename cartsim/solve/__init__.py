"""From parameter rows to trajectories and to the numbers drawn from them."""
