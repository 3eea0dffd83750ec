"""The command line: one file a sub-command, and no logic in them."""
