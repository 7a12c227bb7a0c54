"""Many runs of one pipeline or notebook, over a grid of parameters, on any executor."""
