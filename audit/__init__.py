"""What rule packs and linters find in the templates, and what of it is acknowledged."""
