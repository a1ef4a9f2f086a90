"""Where encrypted layers are kept: on disk or in an object store."""
