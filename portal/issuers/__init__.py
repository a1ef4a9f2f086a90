"""The public documents of organizations' issuers, which clouds fetch to verify tokens."""
