"""Signing in with an OpenID Connect provider, of the whole portal or of one organization.

The web zone sends browsers to the provider and redeems what a worker verified; only workers connect to providers.
"""
