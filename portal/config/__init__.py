"""Settings as they are read from the environment: values, logs, storage."""
