"""Who gets the next connection. All pure: time and randomness come in as arguments."""
