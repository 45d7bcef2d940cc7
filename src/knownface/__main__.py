"""`python -m knownface`."""

from knownface.cli import main

try:
    main()
finally:
    # Where Ctrl-C fell into an `exec` of text (importing dataclasses does that), `python -m` ends
    # with the signal instead of our exit code, unless another `exec` has ended well since.
    exec("")
