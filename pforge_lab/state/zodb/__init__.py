"""The store in a ZODB file. Importing this imports ZODB."""

import logging

from pforge_lab.state.zodb.manager import ZODBStateManager

# What goes wrong is raised with the same words; without this, a program that has not set up
# logging would print ZODB's tracebacks as well.
logging.getLogger("ZODB").addHandler(logging.NullHandler())

__all__ = ["ZODBStateManager"]
