"""`python -m whywin` is the command line."""

from whywin.cli import main

main()
