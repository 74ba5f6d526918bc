"""`python -m cli` is `trueup` without an installation."""

import sys

from cli.main import main

sys.exit(main())
