"""`python -m tinyir` is the command `tinyir`."""

import sys

from tinyir.driver.command_line import main

if __name__ == "__main__":
    sys.exit(main())
