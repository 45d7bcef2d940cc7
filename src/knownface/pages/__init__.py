"""Values become pages."""
