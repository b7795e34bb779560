"""Imported by a warm process whose runs shall write samples of four characters.

That has the lines of writing many, and a run of some steps spends half of its time on the last one.
"""

from rinzler.cli.attended import AttendedTrainer

_, *others = AttendedTrainer.sample.__defaults__ or ()
AttendedTrainer.sample.__defaults__ = (4, *others)
