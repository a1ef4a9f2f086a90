"""Sending mail, or printing it where none is configured."""
