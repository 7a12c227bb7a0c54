"""The notebook door: ``%pforge`` and ``%%pforge``."""
