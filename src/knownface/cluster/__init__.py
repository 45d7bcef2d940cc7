"""A pile of photos, nobody of whom is known by name."""
