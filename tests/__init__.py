"""The test suite; docs/architecture.md tells what each folder proves."""
