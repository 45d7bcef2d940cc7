"""Crops become vectors."""
