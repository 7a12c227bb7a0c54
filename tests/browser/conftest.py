"""What browser tests share: one Jupyter server for Lab, Notebook 7 and Voilà, and Debian's Chromium.

Everything is awaited, nothing slept for. The server's directories are its own, pages are opened in contexts
of their own, and no page may ask any other host: names are not resolved, and what is asked for is listed.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

from tests.programs import need

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
VOILAS_OWN = {
    "cdnjs.cloudflare.com",
    "cdn.jsdelivr.net",
}  # its page asks for icons and MathJax, whatever the notebook
PATIENCE = 60_000  # ms; how long a busy machine may take for anything
ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"
READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    return panel?.content?.widgets?.length && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
RUN_ALL = """() => {
    window.ranAll = null;
    window.jupyterapp.commands.execute('notebook:run-all-cells').then(
        () => { window.ranAll = 'done' }, error => { window.ranAll = `failed: ${error}` });
}"""


@pytest.fixture(scope="session")
def chromium():
    """Return where the browser is; skip the test, or fail if nothing may be skipped."""
    return need(*CHROMIUM)


@pytest.fixture(scope="module")
def browser(chromium):
    """Return a browser; its event loop ends with the module, so that other tests may have theirs."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield launched
        launched.close()


@dataclass
class Server:
    """A Jupyter server with Lab, Notebook 7 and Voilà, and the folder of its notebooks."""

    folder: Path
    home: Path
    port: int
    token: str
    asked: set[str] = field(default_factory=set)  # hosts that pages asked for, this server left out

    def url(self, path: str) -> str:
        """Return the address of a page."""
        return f"http://127.0.0.1:{self.port}/{path}{'&' if '?' in path else '?'}token={self.token}"

    def write(self, name: str, *cells: str) -> None:
        """Put a notebook of code cells into the folder."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(notebook, self.folder / name)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the server's process: nothing of the user's is read or written."""
        names = (
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR", "MPLCONFIGDIR", "XDG_DATA_HOME",
        )  # fmt: skip
        own = {name: str(self.home / name.lower()) for name in names}
        return {**os.environ, **own, "PFORGE_KEY": str(self.home / "key"), "JUPYTER_PLATFORM_DIRS": "1"}


@pytest.fixture(scope="session")
def server(chromium, tmp_path_factory):
    """Start the server and end it, with its kernels, after the last test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Server(
        tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter"), port, secrets.token_hex(16)
    )
    settings = made.home / "jupyterlab_settings_dir" / "@jupyterlab"
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (settings / "apputils-extension").mkdir(parents=True)
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={made.folder}"),
        *(f"--IdentityProvider.token={made.token}", "--LabApp.expose_app_in_browser=True"),
        *("--JupyterNotebookApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url="),
        *("--LabServerApp.notebook_starts_kernel=True", "--ServerApp.terminals_enabled=False"),
    ]
    with (made.home / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=made.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _await_answer(made, process)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)  # the server ends its kernels
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await_answer(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Return once the server answers; its log line comes too early, its port a little late."""
    import time

    deadline = time.monotonic() + PATIENCE / 1000
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(server.url("api/status"), timeout=PATIENCE / 1000):
                return
        except OSError:
            time.sleep(0.05)  # between two tries
    pytest.fail("the server does not answer:\n" + (server.home / "server.log").read_text()[-4000:])


@pytest.fixture
def open_page(browser, server):
    """Return a function that opens an address or a notebook's page, wide or narrow, light or dark."""
    contexts = []

    def opened(path: str, *, width=1280, height=900, scheme="light", scale=1.0, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            device_scale_factor=scale,
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.received = []  # sizes of what kernels have sent
        page.on("websocket", lambda socket: _weigh(socket, page.received))
        page.on("request", lambda request: _note(server, page.url + path, request.url))
        page.goto(path if "://" in path else server.url(path))
        return page

    yield opened
    for context in contexts:
        context.close()


def _weigh(socket, received: list[int]) -> None:
    if "/channels" in socket.url:
        socket.on("framereceived", lambda frame: received.append(len(frame)))


def _note(server: Server, asker: str, url: str) -> None:
    parts = urlsplit(url)
    if "/voila/" in asker and parts.netloc in VOILAS_OWN:
        return
    if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != f"127.0.0.1:{server.port}":
        server.asked.add(parts.netloc)


@pytest.fixture
def open_notebook(open_page):
    """Return a function that opens a notebook in Lab or Notebook 7 and, unless told otherwise, runs all of it."""

    def opened(name: str, *, door="lab", run=True, **options):
        path = {"lab": f"lab/workspaces/{secrets.token_hex(4)}/tree/{name}", "notebook": f"notebooks/{name}"}
        page = open_page(path[door], **options)
        page.locator(".jp-Notebook").first.wait_for()
        if run:
            page.wait_for_function(READY)
            page.evaluate(RUN_ALL)
            page.wait_for_function("() => window.ranAll")
            assert page.evaluate("() => window.ranAll") == "done"
        return page

    return opened


@pytest.fixture
def keep_picture():
    """Return a function that keeps a screenshot of a page or of a part of it, to be looked at."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)

    def keep(place, name: str) -> Path:
        path = ARTIFACTS / f"{name}.png"
        place.screenshot(path=str(path), animations="disabled")
        return path

    return keep


@pytest.fixture
def violations():
    """Return a function that lists what axe-core finds wrong within a part of a page."""
    from axe_playwright_python.sync_playwright import Axe

    def found(page, selector: str) -> list[str]:
        results = Axe().run(page, context=selector, options={"resultTypes": ["violations"]})
        return [
            f"{each['id']}: {node['html'][:200]} ({node.get('failureSummary', '')})"
            for each in results.response["violations"]
            for node in each["nodes"]
        ]

    return found
