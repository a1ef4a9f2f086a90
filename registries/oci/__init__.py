"""A client of the OCI distribution protocol that trusts neither the registry nor its responses.

Imports no Django. `groups` decides what happens with an image; what is particular to one kind of registry is in
`registries.providers`.
"""
