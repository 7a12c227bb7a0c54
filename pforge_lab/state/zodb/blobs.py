"""The folder of large values, for its owner only."""

from __future__ import annotations

from pathlib import Path

from ZODB.blob import LAYOUT_MARKER, FilesystemHelper

from pforge_lab.state.zodb.durable import create_private_directory, replace_private, sync_directory


class PrivateBlobFiles(FilesystemHelper):  # type: ignore[misc] # ZODB has no types
    """ZODB's layout of blob files, in folders of mode 0700, whose names can be made durable."""

    def __init__(self, base_dir: str) -> None:
        super().__init__(base_dir, "bushy")

    def create(self) -> None:
        """Create the folder unless it exists."""
        create_private_directory(Path(self.temp_dir))
        marker = Path(self.base_dir, LAYOUT_MARKER)
        if not marker.exists():
            replace_private(marker, self.layout_name.encode())

    def getPathForOID(self, oid: bytes, create: bool = False) -> str:  # noqa: N802 - ZODB's name
        """Return the folder of the object's files."""
        path: str = super().getPathForOID(oid)
        if create:
            create_private_directory(Path(path))
        return path

    def sync_names(self, oid: bytes) -> None:
        """Return when the names of the object's files are on the disk itself."""
        top = Path(self.base_dir)
        path = Path(self.getPathForOID(oid))
        while path != top.parent:
            sync_directory(path)
            path = path.parent
