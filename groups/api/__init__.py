"""The API of container groups, as routers without authentication, which `portal.api` adds with rate limits.

A router finds what `registries.foundation.requests.ApiRequest` declares on each request.
"""
