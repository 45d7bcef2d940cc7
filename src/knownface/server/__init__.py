"""A recogniser over HTTP: the API, CompreFace's endpoints, and the page in `web`."""
