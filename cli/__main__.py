"""`python -m avme_cli`."""

from . import main

main()
