"""Support: conversations with members, what they let support see of a failure, and the support desk in the admin."""
