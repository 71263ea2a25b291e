"""Who calls, whether they may, and how fast. The policy is data in a file; nothing here knows of HTTP or of the model."""
