"""`python -m murauer`, where the command itself is not on the path."""

import sys

from murauer.cli.main import main

sys.exit(main())
