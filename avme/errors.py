"""Errors that a user can cause, each with the exit code of the command line.

AvmeError                     1  unexpected
    UsageError                2  an argument names something that does not exist or cannot be used
        ConfigError           2  a setting is unknown or impossible
    MediaError                3  a video cannot be probed or decoded
        TooManyFailedClips    3  more clips were quarantined than `--max-failed` allows
    MismatchError             4  an artifact does not match the settings or another artifact
    ArtifactError             5  an earlier stage is missing, unfinished or broken
    SystemRequirementError    6  the machine lacks a program, device, library, memory or disk space
    NonFiniteError            7  a loss, a gradient, a weight or an output is not a finite number
    PeerFailedError           1  another process of the run failed, and this one cannot continue
    StoppedBySignal          75  stopped on a signal with a checkpoint written: run again
        Interrupted         130  the same, by Ctrl-C
"""


class AvmeError(Exception):
    """Base class of all errors that the command line prints without a traceback."""

    exit_code = 1


class UsageError(AvmeError):
    """An argument names something that does not exist or cannot be used."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown or impossible."""


class MediaError(AvmeError):
    """A video cannot be probed or decoded; `reason` is a short code for tables."""

    exit_code = 3

    def __init__(self, message: str, reason: str = "media") -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["MediaError"], tuple[str, str]]:
        return type(self), (str(self), self.reason)


class TooManyFailedClips(MediaError):
    """More clips were quarantined than `--max-failed` allows; the valid ones are stored."""


class MismatchError(AvmeError):
    """An artifact does not match the settings or another artifact."""

    exit_code = 4


class ArtifactError(AvmeError):
    """An earlier stage is missing, unfinished or broken."""

    exit_code = 5


class SystemRequirementError(AvmeError):
    """The machine lacks a program, a device, a working library, memory or disk space."""

    exit_code = 6


class NonFiniteError(AvmeError):
    """A loss, a gradient, a weight or an output is not a finite number."""

    exit_code = 7


class PeerFailedError(AvmeError):
    """Another process of the run failed or died, and this one cannot continue."""


class StoppedBySignal(AvmeError):
    """Stopped on a signal with a checkpoint written; the same command continues the run."""

    exit_code = 75


class Interrupted(StoppedBySignal):
    """Stopped by Ctrl-C with a checkpoint written; the same command continues the run."""

    exit_code = 130
