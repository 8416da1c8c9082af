"""Virtual patients: populations by product profile, what is given to them, and what becomes of them."""
