"""What the source of components declares, read as text: a program that only checks an experiment imports none."""
