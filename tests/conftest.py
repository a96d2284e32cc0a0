"""Settings for every test: how hard property tests try, signals as a terminal leaves them, and descriptors."""

from __future__ import annotations

import os
import resource
import signal

from hypothesis import settings

# No deadlines: a slow moment of the machine is not a failure.
settings.register_profile("test", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))

# Who starts the tests in the background of a script has both ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# Crowds of clients are among the tests; a shell gives a user a thousand descriptors unless asked.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
