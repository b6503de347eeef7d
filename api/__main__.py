"""`python -m api` is `lms`."""

from api.cli import main

main()
