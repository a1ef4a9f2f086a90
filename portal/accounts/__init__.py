"""Accounts: how people sign in, and the pages of it that differ from allauth's."""
