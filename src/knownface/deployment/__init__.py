"""A recogniser in the formats of other runtimes, each tested again."""
