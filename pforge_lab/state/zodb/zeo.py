"""The store of a ZODB file that a server process keeps open for others."""
