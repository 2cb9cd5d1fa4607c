"""The parts which one command starts: a broker, a worker, a token, a lock on the data folder."""
