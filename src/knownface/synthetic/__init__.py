"""Invented people: photos to try everything with, of nobody who exists."""
