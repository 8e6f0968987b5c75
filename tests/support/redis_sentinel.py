"""A real Redis master with replicas, watched by real Sentinels, on loopback ports: nodes die, freeze and come back.

Redis and Sentinel are the same executable. Files and logs lie in one directory for each node, so that a node that is
started again knows what it knew.
"""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis

from tests.support.redis_server import free_port
from tests.support.wait import wait_until

SERVICE: Final = "yard"
LOOPBACK: Final = "127.0.0.1"
#: A master that is silent for so long is replaced. Operators take longer; these tests wait for it.
_DOWN_AFTER_MS: Final = 1000
_START_S: Final = 30
#: Agreement, promotion, and the other replica's turn to the new master, on a busy machine.
_FAILOVER_S: Final = 40

_SERVER: Final = """\
bind {addresses}
protected-mode {protected}
port {port}
dir {directory}
logfile {directory}/redis.log
save ""
appendonly yes
appendfsync always
maxmemory-policy noeviction
repl-diskless-sync-delay 0
min-replicas-to-write {min_replicas}
min-replicas-max-lag 10
"""
_SENTINEL: Final = """\
bind {addresses}
protected-mode {protected}
port {port}
dir {directory}
logfile {directory}/redis.log
sentinel monitor {service} {address} {master} 2
sentinel down-after-milliseconds {service} {down_after_ms}
sentinel failover-timeout {service} 4000
sentinel parallel-syncs {service} 2
"""


class Node:
    """One process; `settings` is the text of its configuration file, which Redis and Sentinel write on in."""

    def __init__(self, directory: Path, executable: str, port: int, settings: str, *options: str) -> None:
        directory.mkdir(parents=True)
        self.port = port
        self.log_file = directory / "redis.log"
        configuration = directory / "redis.conf"
        configuration.write_text(settings, encoding="utf-8")
        self._command = [executable, str(configuration), *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None

    def start(self, *options: str) -> None:
        """Comes back when it answers; does nothing when it lives. `options` go before what its file says."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [*self._command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True
        )
        wait_until(self._answers, _START_S, that=f"Redis answers on port {self.port}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """As behind a closed port: connections hang and are not refused."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def fill(self, full: bool = True) -> None:
        """Has it refuse writes: `OOM command not allowed`."""
        with self.client() as client:
            client.config_set("maxmemory", 1 if full else 0)

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=2, decode_responses=True)

    def is_master(self) -> bool:
        """False when it does not answer, too."""
        try:
            with self.client() as client:
                return str(client.role()[0]) == "master"
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Redis on port {self.port} ended: {self.log_file.read_text()[-500:]}"
        try:
            with self.client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):  # or still loading its file
            return False


class SentinelGroup:
    """`servers[0]` is the first master. `start()` it, and `end()` it.

    All know each other by `address`, which must be of a network that does not leave this machine.
    """

    def __init__(
        self, directory: Path, executable: str, replicas: int = 2, sentinels: int = 3, address: str = LOOPBACK
    ) -> None:
        self._address = address
        network = {
            "addresses": " ".join(dict.fromkeys((LOOPBACK, address))),
            "protected": "yes" if address == LOOPBACK else "no",
        }
        ports = [free_port() for _ in range(1 + replicas + sentinels)]
        first = ports[0]
        self.servers = []
        for number, port in enumerate(ports[: 1 + replicas]):
            home = directory / f"redis{number}"
            settings = _SERVER.format(port=port, directory=home, min_replicas=min(1, replicas), **network)
            if number:
                settings += f"replicaof {address} {first}\n"
            self.servers.append(Node(home, executable, port, settings))
        self.sentinels = []
        for number, port in enumerate(ports[1 + replicas :]):
            home = directory / f"sentinel{number}"
            settings = _SENTINEL.format(
                port=port,
                directory=home,
                service=SERVICE,
                address=address,
                master=first,
                down_after_ms=_DOWN_AFTER_MS,
                **network,
            )
            self.sentinels.append(Node(home, executable, port, settings, "--sentinel"))

    @property
    def url(self) -> str:
        """As VEDETTE_REDIS_URL takes it."""
        return f"redis+sentinel://{','.join(f'{self._address}:{node.port}' for node in self.sentinels)}/{SERVICE}/0"

    def start(self) -> None:
        """Starts what does not live; the first time, comes back when it all knows each other."""
        first_time = not any(node.alive for node in self.sentinels)
        for node in [*self.servers, *self.sentinels]:
            node.start()
        if first_time:
            wait_until(self._is_known, _FAILOVER_S, that="every Sentinel knows every replica and Sentinel")

    def end(self) -> None:
        for node in [*self.sentinels, *self.servers]:
            node.thaw()
            node.kill()

    @property
    def master(self) -> Node:
        """As the Sentinels see it; waits while they are choosing another one."""
        return wait_until(self.master_now, _FAILOVER_S, that="there is a master")

    def healthy_master(self) -> Node | None:
        """None while there is none, or one that not every other server follows: another death could lose more then.

        That is what one server more than the group can miss would cost anybody; no promise holds there.
        """
        master = self.master_now()
        if master is None:
            return None
        try:
            with master.client() as client:
                state = client.info("replication")
        except (redis.ConnectionError, redis.TimeoutError):
            return None
        online = [name for name in state if re.fullmatch(r"slave\d+", name) and state[name]["state"] == "online"]
        return master if len(online) == len(self.servers) - 1 else None

    def start_as_replica(self, node: Node) -> None:
        """Of whatever is the master now. Sentinel would turn it too, in ten seconds or twenty."""
        node.start("--replicaof", self._address, str(self.master.port))

    def thaw(self) -> None:
        for node in self.servers:
            node.thaw()

    def fail_over(self) -> Node:
        """Kills the master and waits for the next one. The one that was killed: `start()` it, to be a replica."""
        before = self.master
        before.kill()
        self.await_another_master(before)
        return before

    def hand_over(self) -> Node:
        """Has the Sentinels make another one the master while this one lives, as for maintenance. The one before."""
        before = self.master
        with self._living_sentinel().client() as client:
            client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        self.await_another_master(before)
        return before

    def await_another_master(self, before: Node) -> Node:
        return wait_until(
            lambda: node if (node := self.master_now()) is not before else None,
            _FAILOVER_S,
            that="there is a new master",
        )

    def _is_known(self) -> bool:
        for node in self.sentinels:
            with node.client() as client:
                state = client.sentinel_master(SERVICE)
                replicas = client.sentinel_slaves(SERVICE)
            if state["num-other-sentinels"] != len(self.sentinels) - 1 or not state["is_master"]:
                return False
            following = [each for each in replicas if each["master-link-status"] == "ok" and not each["is_sdown"]]
            if len(following) != len(self.servers) - 1:
                return False
        return self.master_now() is not None

    def master_now(self) -> Node | None:
        with self._living_sentinel().client() as client:
            try:
                address = client.sentinel_get_master_addr_by_name(SERVICE)
            except (redis.ConnectionError, redis.TimeoutError):
                return None
        return next(
            (node for node in self.servers if address and node.port == int(address[1]) and node.is_master()), None
        )

    def _living_sentinel(self) -> Node:
        return next(node for node in self.sentinels if node.alive)


@contextmanager
def sentinel_group(directory: Path, executable: str) -> Iterator[SentinelGroup]:
    group = SentinelGroup(directory, executable)
    try:
        group.start()
        yield group
    finally:
        group.end()
