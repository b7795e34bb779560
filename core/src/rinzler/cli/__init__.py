"""The commands: what stands between a terminal and the library below.

`entry.py` is where a command enters, `main.py` where every error leaves. From there a command is
parsed (`commands.py` says what exists, `parsing.py` reads it, `help.py` explains it) and run:
`train.py` drives a run that `plan.py` has prepared and tells its reporters, `generate.py` writes
text, `backends.py` lists plugins.

Results go to stdout and progress to stderr, always; nothing here computes anything.
Read next: `entry.py`.
"""
