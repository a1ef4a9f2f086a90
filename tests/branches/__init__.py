"""Branches of the critical modules that no test reaches, counted in every process that the tests start.

`make coverage` fails if there is one that `unreached.toml` doesn't name with the reason.
"""
