"""Programs that tests run in processes of their own: to be forked, patched or interrupted."""
