"""The API of container groups, as routers without authentication: who asks, and how often, is the portal's.

A router finds `request.organization`, `request.may_write` and `request.record` (the audit log) on each request.
"""
