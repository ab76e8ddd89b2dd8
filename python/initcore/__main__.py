"""``python -m initcore`` is the ``initcore`` command."""

import sys

from initcore.cli import main

sys.exit(main())
