"""Groups, images, nodes and the delivery ledger in the Django admin. Failures are at the support desk
(`portal.support.desk`)."""

from groups.admin import delivery, groups, nodes

__all__ = ["delivery", "groups", "nodes"]
