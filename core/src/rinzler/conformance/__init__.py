"""The conformance kit: what every backend has to get right, and how exactly.

| file | what it holds |
| --- | --- |
| `case.py`, `cases.py`, `table/` | the case table: calls of every op, by stable ids |
| `drawn/` | generated cases of every op, by stable ids as well |
| `bounded.py`, `reference/`, `oracle.py` | float64 answers, a bound on each element, the judge |
| `fences.py`, `run.py` | running a case on a device, inside of fences |
| `check.py`, `subject.py`, `tiers/` | the one list of checks, and what they look at |
| `runner.py`, `known.py`, `report.py`, `certified.py` | the score, what is excused, what is kept |
| `suite.py`, `options.py`, `neighbour.py` | pytest's door; processes that look at a plugin |
| `support.py`, `perf.py` | which kernels there are, how fast they run |
| `generation.py` | logits with caches and without, for a backend's own tests |
| `handbook.py`, `record.py` | programs: the protocol's reference; the curve that `train` follows |
| `altered.py` | a backend with kernels left out or replaced, to test tests |

Core proves its gradient formulas once, in float64 (`core/tests/test_ops_gradients.py`); a backend
proves that its kernels compute what the table says. Nothing here names a backend, and no bound
depends on one. Read next: `case.py`.
"""
