"""Sweeps of a notebook, a worker of which is killed midway: all sets end, on a Dask cluster and on a pool of processes."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import nbformat
import pytest

import pforge_lab as pf
from tests.papermill_engine.conftest import write
from tests.programs import module

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

COUNT = 24 if os.environ.get("PFORGE_TEST_FULL") else 4
CELLS = [
    "n: int = 1",
    "print('cell', 2, file=open(f'marks-{n}', 'a')); square = n * n",
    "import os, signal\nfrom pathlib import Path\nif n == 2 and not Path('killed').exists():\n    Path('killed').touch()\n    os.kill(os.getppid(), signal.SIGKILL)\n    signal.pause()  # the kernel of a killed worker ends itself",
    "print(square)",
]


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Stand in a folder with a notebook whose third cell kills the worker, once, when n is 2."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "night.ipynb", CELLS, tags={1: ["parameters"]})
    return tmp_path


@contextmanager
def dask_cluster(folder):
    """Give the executor of a cluster of two workers."""
    distributed = module("distributed")
    dask = module("dask")
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(folder / "dask")
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        yield executor


@contextmanager
def process_pool(folder):
    """Give two worker processes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("workers", [dask_cluster, process_pool])
@pytest.mark.parametrize("url", ["lab.fs", "sqlite:lab.db"])
def test_all_sets_end_and_again_nothing_is_executed(night, workers, url):
    """Completed cells are not executed again, neither for the killed worker nor by the sweep that follows."""
    if url != "lab.fs" and COUNT == 4 and workers is process_pool:
        pytest.skip("one shared store on one kind of workers is enough for a quick look")
    options = {"state": url, "outputs": ["square"], "progress": False}
    with workers(night) as executor:
        frame = pf.sweep("night.ipynb", {"n": list(range(COUNT))}, executor=executor, **options)
    assert (night / "killed").exists()
    assert frame.status.eq("done").all()
    assert frame.square.to_list() == [n * n for n in range(COUNT)]
    again = pf.sweep("night.ipynb", {"n": list(range(COUNT))}, workers=1, **options)
    assert again.square.to_list() == frame.square.to_list()
    executed = {file.name: len(file.read_text().splitlines()) for file in Path().glob("marks-*")}
    assert executed == {f"marks-{n}": 1 for n in range(COUNT)}
    shown = nbformat.read(again.notebook[2], as_version=4).cells
    assert [cell.outputs[0].text for cell in shown if cell.source == CELLS[3]] == ["4\n"]
