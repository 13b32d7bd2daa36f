"""What an experiment file says: read, typed, checked and hashed without torch."""
