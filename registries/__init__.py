"""Where images come from: credentials, registry kinds and the OCI client."""
