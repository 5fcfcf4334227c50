"""`python -m avme_cli`."""

from .app import main

main()
