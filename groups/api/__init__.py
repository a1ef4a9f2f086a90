"""The API of container groups, as routers without authentication: who asks, and how often, is the portal's.

A router finds what `registries.foundation.requests.ApiRequest` declares on each request.
"""
