"""Take a multi-step tool pipeline apart in a notebook: step, rewind, fork, diff, resume."""
