"""The hub process and its clients: state of all workers, control socket, directorctl."""
