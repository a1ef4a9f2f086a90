"""The clouds that exchange tokens for logins, under their real names, with TLS, on loopback.

They fetch an issuer's documents themselves, verify each token with a library of their own, judge what was set up, and
answer in the forms that the clouds document. `tests.support.fakes.clouds.server` has all of them and their registries
in one server.
"""
