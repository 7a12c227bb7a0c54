"""The user's key in worker processes, so that what they sign is the user's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pforge_lab import trust
from pforge_lab.errors import PforgeError

_PROOF = [trust.digest(b"sweep")]


@dataclass(frozen=True, slots=True)
class KeyPass:
    """Where the user's key is, and a proof that tells it from others. The key itself does not travel."""

    path: str
    proof: str

    @classmethod
    def of_user(cls) -> KeyPass:
        """Return the pass of this process."""
        return cls(str(trust.key_path().absolute()), trust.sign(_PROOF))

    def take(self) -> None:
        """Use the same key in this process.

        Raises
        ------
        PforgeError
            There is no such key on this machine.
        """
        if trust.key_path().exists() and trust.verify(_PROOF, self.proof):
            return
        if Path(self.path).exists():
            os.environ["PFORGE_KEY"] = self.path
            if trust.verify(_PROOF, self.proof):
                return
        raise PforgeError(
            f"the worker on {os.uname().nodename if hasattr(os, 'uname') else 'this machine'} has not the key {self.path}, "
            "so what it signs would not be yours; share the file, and name it there with PFORGE_KEY"
        )
