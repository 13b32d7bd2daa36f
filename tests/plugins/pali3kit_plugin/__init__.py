"""A plug-in for pali3kit with one component of each kind: what `docs/plugins.md` shows."""
