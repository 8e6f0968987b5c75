import kombu.exceptions
import pytest
import redis
from redis._parsers.base import BaseParser
from redis.sentinel import MasterNotFoundError, SlaveNotFoundError

from contract.outage import is_passing


def answered(text: str) -> Exception:
    """What redis-py makes of an error that Redis answers with."""
    error = BaseParser.parse_error(text)
    assert isinstance(error, redis.RedisError)
    return error


def in_a_bell(cause: Exception | None) -> Exception:
    error = kombu.exceptions.OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("Connection refused"),
        redis.TimeoutError("Timeout reading from socket"),
        MasterNotFoundError("No master found for 'mymaster'"),
        SlaveNotFoundError("No slave found for 'mymaster'"),
        redis.ConnectionError("The previous master is now a slave"),
        answered("LOADING Redis is loading the dataset in memory"),
        answered("READONLY You can't write against a read only replica."),
        answered("READONLY You can't write against a read only replica. script: 5f, on @user_script:1."),
        answered("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        answered("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
        answered("NOREPLICAS Not enough good replicas to write."),
        answered("OOM command not allowed when used memory > 'maxmemory'."),
        answered("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
        answered("MISCONF Errors writing to the AOF file: No space left on device"),
        answered("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
        # Redis 6.2, of a script:
        answered(
            "ERR Error running script (call to f_5f): @user_script:4: @user_script: 4: -OOM command not allowed when "
            "used memory > 'maxmemory'."
        ),
        answered("ERR Error running script (call to f_5f): @user_script:4: -READONLY You can't write against a read"),
        in_a_bell(redis.ConnectionError("Connection refused")),
        in_a_bell(answered("READONLY You can't write against a read only replica.")),
        in_a_bell(answered("UNBLOCKED force unblock from blocking operation")),
        in_a_bell(ConnectionResetError("Connection reset by peer")),
        in_a_bell(None),
    ],
    ids=str,
)
def test_what_passes_is_waited_for(error):
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        answered("WRONGTYPE Operation against a key holding the wrong kind of value"),
        answered("WRONGPASS invalid username-password pair or user is disabled."),
        answered("NOAUTH Authentication required."),
        answered("NOPERM this user has no permissions to run the 'evalsha' command"),
        answered("ERR unknown command 'EVALSHA'"),
        answered("ERR value is not an integer, it reads OOM"),
        answered("ERR Error running script (call to f_5f): @user_script:4: -WRONGTYPE Operation against a key"),
        answered("NOSCRIPT No matching script. Please use EVAL."),
        answered("BUSYGROUP Consumer Group name already exists"),
        redis.exceptions.LockError("Unable to acquire lock"),
        redis.DataError("Invalid input of type: 'set'"),
        in_a_bell(answered("WRONGPASS invalid username-password pair or user is disabled.")),
        in_a_bell(answered("NOPERM this user has no permissions to run the 'lpush' command")),
        OSError("No space left on device"),
        ValueError("ours"),
        MemoryError(),
        None,
    ],
    ids=str,
)
def test_what_waiting_cannot_help_is_not(error):
    assert not is_passing(error)
