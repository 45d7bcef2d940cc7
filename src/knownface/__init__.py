"""From a folder of photos of your people to an evaluated recogniser that you can deploy."""

__version__ = "0.1.0"
