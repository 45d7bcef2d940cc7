"""From a folder of people to a run folder."""
