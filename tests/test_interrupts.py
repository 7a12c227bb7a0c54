"""Interrupts that another thread sends wait for the end of what they would tear."""

from __future__ import annotations

import threading

import pytest

from pforge_lab.interrupts import interrupt, shielded


def in_thread(work):
    """Return a thread that does something, and the list of what it raises."""
    raised = []

    def body():
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            raised.append(type(error))

    thread = threading.Thread(target=body)
    thread.start()
    return thread, raised


def test_an_interrupt_waits_for_the_end_of_the_outermost_block():
    """Within one block there may be another, as a read is within a commit."""
    inside, sent, done = threading.Event(), threading.Event(), []

    def work():
        with shielded():
            with shielded():
                inside.set()
                assert sent.wait(20)
                done.append("inner")
            done.append("outer")
        done.append("behind")

    thread, raised = in_thread(work)
    assert inside.wait(20)
    interrupt(thread.ident)
    sent.set()
    thread.join(20)
    assert (done, raised) == (["inner", "outer"], [KeyboardInterrupt])


def test_what_fails_in_a_block_is_told_where_nobody_interrupts():
    """Its own error passes through, and the next block is not ended by anything."""

    def work():
        with shielded():
            raise ValueError

    thread, raised = in_thread(work)
    thread.join(20)
    assert raised == [ValueError]
    with shielded():
        pass


@pytest.mark.usefixtures("restless")
def test_wherever_an_interrupt_comes_it_leaves_no_block_half_done():
    """Before a block is noted, within it, at its end: what is done in two steps is done in both or neither."""

    def step(counts, place):
        counts[place] += 1

    for number in range(300):
        counts, begun = [0, 0], threading.Event()

        def work(counts=counts, begun=begun, number=number):
            while True:
                with shielded():
                    step(counts, 0)
                    step(counts, 1)
                if counts[0] > number % 7:
                    begun.set()

        thread, raised = in_thread(work)
        assert begun.wait(20)
        interrupt(thread.ident)
        thread.join(20)
        assert not thread.is_alive()
        assert raised == [KeyboardInterrupt]
        assert counts[0] == counts[1]
