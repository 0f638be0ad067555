"""What `ems-agent` exits with. Source: the command line in the experience the design asks for."""

OK, FAILURE, USAGE, NOT_RUNNING, DEGRADED, REJECTED, ROLLED_BACK = range(7)
TRY_AGAIN, REFUSED = 75, 77
