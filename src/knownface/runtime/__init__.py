"""What runs networks, in any thread and process."""
