"""Files and folders, whole or not at all; nothing here knows of faces."""
