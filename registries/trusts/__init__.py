"""Trusts: adding and removing them, finding the one for an image, and their uses."""
