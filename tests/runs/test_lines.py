"""Lines: which line holds a position, told in two ways that agree."""

from __future__ import annotations

from hypothesis import given, strategies as st

from pforge_lab.runs.lines import Lines

moves = st.lists(
    st.one_of(st.just("advance"), st.integers(0, 12), st.tuples(st.integers(0, 12))), max_size=40
)


@given(moves)
def test_the_path_is_the_holder_of_every_position(moves):
    """Going anywhere on any line and on from there, `path` and `holder` tell the same lines."""
    lines = Lines.first()
    for move in moves:
        if move == "advance":
            lines = lines.advanced()
        elif isinstance(move, tuple):
            lines = lines.switched(move[0] % len(lines.all))
        else:
            lines = lines.moved(move % (lines.current.end + 1))
        assert lines.path() == [lines.holder(position) for position in range(lines.current.end + 1)]


def test_a_line_off_a_line_off_a_line_has_its_own_positions():
    """A line that leaves another one before that one left its parent does not take over the parent's later positions."""
    lines = Lines.first().advanced().advanced()  # line 0: positions 1, 2
    lines = lines.moved(1).advanced()  # line 1 leaves line 0 at 1
    lines = lines.moved(0).advanced()  # line 2 leaves line 1 at 0
    assert lines.path() == [0, 2]
