"""The composition root: settings, addresses, people and who may do what."""
