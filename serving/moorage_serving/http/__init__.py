"""Between ASGI messages and plain requests and answers; what a request means is decided elsewhere."""
