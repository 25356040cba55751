"""Programs that the fault tests run in processes of their own; each prints lines of JSON."""
