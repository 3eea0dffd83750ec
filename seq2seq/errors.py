"""The one error that a user can put right."""

__all__ = ["UserError"]


class UserError(Exception):
    """A mistake that the user can put right: a file, a config key, a run folder.

    The message is one line: who needs what, what came, what to do. The command line prints it and
    exits with status 2.
    """
