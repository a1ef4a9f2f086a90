"""A client of the OCI distribution protocol that trusts neither the registry nor its answers.

Imports no Django. What is made of an image stands in `groups`; what is special about one registry, in
`registries.providers`.
"""
