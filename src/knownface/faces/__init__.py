"""A photo becomes face crops."""
