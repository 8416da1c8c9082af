"""Patient tables: files in, checked arrays out."""
