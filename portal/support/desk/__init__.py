"""The support desk in the admin: one queue of failures and requests, a page for each, charts of what fails."""
