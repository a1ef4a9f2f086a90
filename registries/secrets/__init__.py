"""All key material: how secrets are created, sealed, stored and deleted. An audit of the portal begins here."""
