"""Makes what docker-compose.yml asks for and no repository may have: passwords in .env, users and keys in secrets/.

    python3 deploy/make_secrets.py [DIRECTORY]      # `make secrets`; Python's own library is all that it needs

Existing files stay, so that it can be run again after a new version asks for more; delete one to have it made anew. The
users of Redis are those of docs/operations.md, section Access, which a test holds the sides to; their passwords are in
the users' file as hashes, in .env as they are, since they become part of addresses.
"""

import hashlib
import re
import shlex
import sys
from pathlib import Path
from secrets import token_hex, token_urlsafe

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"
#: Users that docs/operations.md has a recipe for, and the variable that docker-compose.yml reads.
USERS = {name: f"REDIS_{name.upper()}_PASSWORD" for name in ("producer", "worker", "monitor", "operator")}
HEALTH = "REDIS_HEALTH_PASSWORD"
FLOWER = "FLOWER_BASIC_AUTH"
#: Containers read these files as users of their own, so only the directory keeps other people of this host out.
SHARED_MODE = 0o444


def recipes(document: str) -> dict[str, list[str]]:
    """User to the rules after its password, as `ACL SETUSER` takes them."""
    section = document[document.index("\n### Access\n") :]
    block = section[section.index("```sh\n") : section.index("\n```\n")].removeprefix("```sh\n")
    lines = [shlex.split(line, comments=True) for line in block.replace("\\\n", " ").splitlines()]
    commands = [line[3:] for line in lines if line[:3] == ["redis-cli", "ACL", "SETUSER"]]
    return {name: [rule for rule in rules if rule != "reset" and rule[0] != ">"] for name, *rules in commands}


def acl_file(users: dict[str, list[str]], passwords: dict[str, str]) -> str:
    """For redis-server's --aclfile. Selectors in parentheses are one rule with blanks, and need no quotes there."""
    lines = ["user default off resetkeys resetchannels -@all"]
    lines += [f"user {name} {_hash(passwords[name])} {' '.join(users[name])}" for name in USERS]
    lines += [f"user health on {_hash(passwords['health'])} resetkeys resetchannels -@all +ping"]
    lines += [f"user admin on {_hash(passwords['admin'])} ~* &* +@all"]
    return "\n".join(lines) + "\n"


def api_keys_file(keys: dict[str, str]) -> str:
    """Admits services by name; docs/http.md, section Keys, says what else may stand there."""
    entry = '[[key]]\nname = "{}"\nsha256 = "{}"\n'
    return "\n".join(entry.format(name, hashlib.sha256(key.encode()).hexdigest()) for name, key in keys.items())


def main(directory: Path) -> list[str]:
    """What was made and is to be told to a person."""
    told = []
    env = directory / ".env"
    known = dict(re.findall(r"^(\w+)=(.*)$", env.read_text(), re.MULTILINE)) if env.exists() else {}
    missing = {name: token_hex(24) for name in (*USERS.values(), HEALTH) if name not in known}
    if FLOWER not in known:
        missing[FLOWER] = f"operator:{token_urlsafe(18)}"
    if missing:
        with env.open("a") as file:
            env.chmod(0o600)
            file.writelines(f"{name}={value}\n" for name, value in missing.items())
        told.append(f"{env}: {', '.join(missing)}")
    known |= missing

    folder = directory / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    admin = _once(folder / "redis-admin", token_hex(24), told, 0o400)
    passwords = {name: known[variable] for name, variable in USERS.items()} | {"health": known[HEALTH], "admin": admin}
    users = acl_file(recipes(OPERATIONS.read_text(encoding="utf-8")), passwords)
    _current(folder / "redis-users.acl", users, told)
    _once(folder / "grafana-admin", token_urlsafe(18), told, SHARED_MODE)
    reader = _once(folder / "prometheus-key", "vdt_" + token_urlsafe(32), told, SHARED_MODE)
    key = "vdt_" + token_urlsafe(32)
    admitted = api_keys_file({"first": key, "prometheus": reader})
    if _once(folder / "api-keys.toml", admitted, told, SHARED_MODE) == admitted:
        told.append(f"the key of `first` for the gateway, which is kept nowhere: {key}")
    return told


def _hash(password: str) -> str:
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _once(path: Path, text: str, told: list[str], mode: int) -> str:
    if not path.exists():
        _current(path, text, told, mode)
    return path.read_text()


def _current(path: Path, text: str, told: list[str], mode: int = SHARED_MODE) -> None:
    """Follows from the other files, so it is written whenever it differs from what they say."""
    if path.exists() and path.read_text() == text:
        return
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
    told.append(f"{path}: written")


if __name__ == "__main__":
    for line in main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")) or ["nothing to do: everything is there"]:
        print(line)
