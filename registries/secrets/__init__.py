"""All key material: how secrets are made, sealed, kept and forgotten. Whoever audits the portal begins here."""
