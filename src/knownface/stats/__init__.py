"""Pure functions over arrays."""
