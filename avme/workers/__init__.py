"""Worker processes: sandbox, fork server, pool. The only package that forks."""
