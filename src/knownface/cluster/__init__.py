"""A pile of photos: who is the same person, and finding them again."""
