"""The worker process: accept -> schedule -> connect -> relay, as loop callbacks."""
