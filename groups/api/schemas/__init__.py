"""Requests and responses, with the schema names of SaladCloud's public API."""
