"""The store in a ZODB file. Importing this imports ZODB."""

from pforge_lab.state.zodb.manager import ZODBStateManager

__all__ = ["ZODBStateManager"]
