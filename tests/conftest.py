"""What every test run shares: one thread per process, and how hypothesis searches."""

import os

# Set before numpy, polars or LightGBM load: their pools are sized once, at import. Two pools that
# share the cores of a test machine are several times slower than one thread.
for variable in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from hypothesis import HealthCheck, settings

# Examples are whole ledgers: slow to make and never of even cost, so neither a deadline nor the
# check on slow generation tells anything. In CI the search is the same every time; by hand it
# keeps looking for new examples.
settings.register_profile(
    "paydelay",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("paydelay")
