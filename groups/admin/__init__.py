"""Groups, images, failures, nodes and the delivery ledger in the admin: one file for each idea."""

from groups.admin import delivery, failures, groups, nodes

__all__ = ["delivery", "failures", "groups", "nodes"]
