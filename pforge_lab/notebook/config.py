"""``%config PForge``: defaults of a notebook, or of all of them in ``ipython_config.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, List, TraitError, Unicode, observe, validate
from traitlets.config import Configurable

from pforge_lab.cli.progress import Progress
from pforge_lab.errors import PforgeError, UsageError, near_misses
from pforge_lab.notebook.progress import CellDisplay
from pforge_lab.runs.looks import Looks
from pforge_lab.state import open_state
from pforge_lab.views.theme import THEMES, use_theme

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pforge_lab.cli.session import Session


class PForge(Configurable):
    """Defaults of ``%pforge`` and of the views.

    Examples
    --------
    ``%config PForge`` lists them; ``%config PForge.state = "lab.fs"`` sets one. For every notebook, write
    ``c.PForge.theme = "dark"`` into the file that ``ipython locate profile`` is the folder of.
    """

    state = Unicode(help="URL of the store for new runs; empty for .pforge/NAME.fs beside the notebook.").tag(
        config=True
    )
    memory = List(Unicode(), help="Deeper looks at memory in every step: settle, exact, trace.").tag(
        config=True
    )
    trust = List(
        Unicode(), help="Names beyond the safe list that may be built from data signed with another key."
    ).tag(config=True)
    theme = Enum(THEMES, default_value="auto", help="auto follows the page; light or dark does not.").tag(
        config=True
    )
    progress = Bool(default_value=True, help="Show what is under way while a command takes its time.").tag(
        config=True
    )

    def __init__(self, session: Session, shell: InteractiveShell) -> None:
        self._session = session
        super().__init__(parent=shell)

    def values(self) -> dict[str, Any]:
        """Return the defaults by name."""
        return {name: getattr(self, name) for name in self.trait_names(config=True)}

    def put(self, name: str, text: str) -> None:
        """Set a default from text; lists are written with commas."""
        if name not in self.values():
            raise UsageError(f"there is no default {name!r}{near_misses(name, self.values())}")
        trait = self.traits()[name]
        try:
            value = (
                [each for each in text.split(",") if each]
                if isinstance(trait, List)
                else trait.from_string(text)
            )
            setattr(self, name, value)
        except (TraitError, ValueError) as error:
            if isinstance(trait, Enum):
                raise UsageError(
                    f"cannot set {name}: it is one of {', '.join(trait.values or ())}, not {text!r}"
                ) from error
            if isinstance(trait, Bool):
                raise UsageError(f"cannot set {name}: it is true or false, not {text!r}") from error
            raise UsageError(f"cannot set {name}: {error}") from error

    @validate("memory")
    def _known_looks(self, proposal: Any) -> Any:
        try:
            Looks.of(proposal["value"])
        except PforgeError as error:
            raise TraitError(str(error)) from error
        return proposal["value"]

    @validate("state")
    def _store(self, proposal: Any) -> Any:
        """Open the store before it becomes the current one, so that a wrong URL changes nothing."""
        url = proposal["value"]
        try:
            opened = open_state(url) if url else None
        except PforgeError as error:
            raise TraitError(str(error)) from error
        self._session.state, self._session.run = opened, None
        return url

    @observe("memory", "trust")
    def _defaults(self, _: Any) -> None:
        self._session.memory, self._session.trust = tuple(self.memory), tuple(self.trust)

    @observe("theme")
    def _theme(self, change: Any) -> None:
        use_theme(change["new"])

    @observe("progress")
    def _progress(self, change: Any) -> None:
        self._session.progress = Progress(CellDisplay()) if change["new"] else None


def register(shell: InteractiveShell, session: Session) -> None:
    """Let ``%config PForge`` set the defaults of this session."""
    unregister(shell)
    session.defaults = defaults = PForge(session, shell)
    shell.configurables.append(defaults)  # type: ignore[arg-type]  # any Configurable belongs there


def unregister(shell: InteractiveShell) -> None:
    """Take the defaults away; what they set stays."""
    shell.configurables[:] = [each for each in shell.configurables if not isinstance(each, PForge)]
