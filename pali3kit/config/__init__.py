"""What an experiment file says, read, checked and hashed without torch."""
