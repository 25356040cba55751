"""Tests of the packages below daemons/, a folder for each."""
