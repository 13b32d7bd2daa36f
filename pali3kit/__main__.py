"""`python -m pali3kit` is the same program as `python -m pali3kit.run`."""

from __future__ import annotations

import sys

from pali3kit.run import main

if __name__ == "__main__":
    sys.exit(main())
