"""`python -m knownface`."""

from knownface.cli import main

main()
