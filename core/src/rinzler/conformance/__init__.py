"""The conformance kit: what every backend has to get right, and how exactly.

| file | what it holds |
| --- | --- |
| `case.py`, `cases.py`, `table/` | the case table: calls of every op, by stable ids |
| `bounded.py`, `reference/`, `oracle.py` | float64 answers, a bound on each element, the judge |
| `fences.py`, `run.py` | running a case on a device, inside of fences |
| `altered.py` | a backend with kernels left out or replaced, to test tests |

Core proves its gradient formulas once, in float64 (`core/tests/test_ops_gradients.py`); a backend
proves that its kernels compute what the table says. Nothing here names a backend, and no bound
depends on one. Read next: `case.py`.
"""
