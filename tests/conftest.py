"""Settings for every test: how hard property tests try."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadlines: a slow moment of the machine is not a failure.
settings.register_profile("test", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
