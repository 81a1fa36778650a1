"""One module a command: `add_arguments(parser)` declares it, `run(args)` carries it out.

What takes long to import is imported within `run`, so that `murauer --help` and errors in the arguments
answer at once.
"""
