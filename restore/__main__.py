"""``python -m restore`` is ``rechroma``."""

from restore.cli import main

if __name__ == "__main__":
    main()
