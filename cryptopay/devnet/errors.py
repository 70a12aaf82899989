"""What can go wrong on the local stage. Each error says what a person should do about it."""


class DevnetError(Exception):
    """`fix` is a command or a sentence that mends it; empty where the message says all."""

    code = "devnet_error"

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(f"{message}\n  Fix: {fix}" if fix else message)
        self.message = message
        self.fix = fix


class PartMissing(DevnetError):
    """A program the stage needs is not on this machine."""

    code = "part_missing"


class PartFailed(DevnetError):
    """A program was started and did not come up, or ended by itself."""

    code = "part_failed"


class PortTaken(DevnetError):
    """Another program listens where ours should."""

    code = "port_taken"


class AlreadyRunning(DevnetError):
    """This checkout's `make run` is running already."""

    code = "already_running"
