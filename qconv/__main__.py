"""``python -m qconv``."""

from qconv.cli.main import main

if __name__ == "__main__":
    main()
