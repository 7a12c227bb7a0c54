"""How any value is told in a few words: its type, its shape, a sketch of it. Cheap and safe whatever it is."""
