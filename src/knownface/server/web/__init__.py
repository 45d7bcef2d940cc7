"""The web page of `knownface serve`: screens for people with photos, not for engineers."""
