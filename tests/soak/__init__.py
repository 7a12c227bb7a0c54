"""Soak and chaos: stores and runs under load while processes, servers, disks and clocks misbehave."""
