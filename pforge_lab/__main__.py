"""``python -m pforge_lab``: the same as the command ``pforge-lab``."""

from pforge_lab.cli import main

if __name__ == "__main__":
    main()
