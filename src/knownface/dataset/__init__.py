"""Folders of people."""
