"""Groups, images, nodes and the delivery ledger in the admin: one file for each idea. Failures are the support
desk's (`portal.support.desk`)."""

from groups.admin import delivery, groups, nodes

__all__ = ["delivery", "groups", "nodes"]
