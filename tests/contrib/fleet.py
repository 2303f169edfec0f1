"""contrib/examples/ansible: ansible-lint, and the role run by ansible-playbook on a host of its own."""

import json
import os
import re
import subprocess

from lab.process import AUTORA, TREE
from scenarios.stage import EXAMPLES, WORK, Fail, Node, check, say, scenario, write

ROLE = os.path.join(EXAMPLES, "ansible")
# It stands for the service manager of a booted host, and says what it was asked for.
SYSTEMCTL = f"""#!/bin/sh
echo "$*" >>{WORK}/systemctl.log
case $1 in
show) printf 'LoadState=loaded\\nActiveState=active\\n' ;;
is-enabled) echo enabled ;;
esac
"""


def ansible(node, *argv, expected=0):
    environment = {
        "PATH": f"{WORK}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": WORK,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    with node.net:
        done = subprocess.run(argv, cwd=f"{WORK}/ansible", env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if (done.returncode != 0) != (expected != 0):
        raise Fail(f"{' '.join(argv)}: {done.returncode} {said[-3000:]}")
    return said


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def copied():
    """ansible-lint keeps a cache beside what it reads."""
    subprocess.run(["cp", "-r", ROLE, f"{WORK}/ansible"], check=True)


@scenario("ansible-lint", "ansible", "ansible-lint's production profile, and the syntax of the playbook", 15)
def lint():
    copied()
    node = Node("controller")
    said = ansible(node, "ansible-lint", "--offline", "--nocolor", "--profile", "production", "--strict")
    check("0 failure(s), 0 warning(s)" in said, said)
    say(said)
    ansible(node, "ansible-playbook", "-i", "inventory.yml", "--syntax-check", "site.yml")


@scenario("ansible-role", "ansible", "the role on a host: what it writes, what it restarts, and nothing the second time", 30)
def role():
    copied()
    os.chmod(write("bin/systemctl", SYSTEMCTL), 0o755)
    host = Node("host")
    host.ip("tuntap add dev wan0 mode tap", "link set wan0 up", "route add default via fe80::1 dev wan0 proto ra")
    host.sysctl("conf/wan0/accept_ra", 1)
    for directory in ("/etc/default", "/etc/sysctl.d"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    os.makedirs("/etc/default/autora.d")
    subprocess.run(["cp", f"{TREE}/debian/autora.default", "/etc/default/autora"], check=True)

    def play(expected=0, **variables):
        log = os.path.join(WORK, "systemctl.log")
        if os.path.exists(log):
            os.unlink(log)
        variables = {"autora_uplinks": ["wan0"], "ansible_connection": "local", "ansible_become": False, **variables}
        inventory = {"hypervisors": {"hosts": {"host": variables}}}
        path = write("inventory.yml", json.dumps(inventory))
        said = ansible(host, "ansible-playbook", "-i", path, "--skip-tags", "install", "site.yml", expected=expected)
        asked = read(log) if os.path.exists(log) else ""
        recap = re.search(r"changed=(\d+)", said)
        return said, int(recap[1]), [line.split()[0] for line in asked.splitlines() if line[:3] in ("rel", "res")]

    def matches(name):
        files = ("/etc/default/autora", f"/etc/default/autora.d/{name}.conf")
        argv = [AUTORA, "match", *(f"--environment-file={f}" for f in files if os.path.exists(f)), "--", name]
        return subprocess.run(argv, capture_output=True).returncode == 0

    said, _, _ = play(2, autora_uplinks=[])
    check("default route from Router Advertisements on wan0" in said, said)
    check(host.run("sysctl", "-n", "net.ipv6.conf.all.forwarding").strip() == "0", "it cut the host off")
    wanted = {
        "autora_interface_regex": r"^tap-vm-\d+$",
        "autora_settings": {"AUTORA_MAX_RA_INTERVAL": "30s"},
        "autora_interface_settings": {"odd": {"AUTORA_INTERFACE_REGEX": "^odd$", "AUTORA_LOG": "debug"}},
    }
    said, changed, asked = play(**wanted)
    check(changed > 0 and asked == ["reload", "restart"], f"{asked}: {said}")
    check(host.run("sysctl", "-n", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.wan0.accept_ra").split() == ["1", "2"], said)
    check(host.default_routes(), "the host lost its default route")
    # autora itself reads what was written.
    seen = {name: matches(name) for name in ("tap-vm-1", "tap-vm-x", "odd")}
    check(seen == {"tap-vm-1": True, "tap-vm-x": False, "odd": True}, f"{seen}")
    settings = read("/etc/default/autora")
    check("\nAUTORA_MAX_RA_INTERVAL='30s'\n" in settings and settings.count("\nAUTORA_INTERFACE_REGEX=") == 1, settings)
    said, changed, asked = play(**wanted)
    check(changed == 0 and asked == [], f"the second time {changed} changes and {asked}: {said}")
    wanted["autora_interface_regex"] = "^tap-"
    _, changed, asked = play(**wanted)
    check(changed > 0 and asked == ["reload"] and matches("tap-vm-x"), f"another pattern: {asked}")
    wanted["autora_settings"] = {}
    _, changed, asked = play(**wanted)
    check(asked == ["restart"] and "30s" not in read("/etc/default/autora"), f"{asked}")
    said, _, _ = play(2, autora_interface_regex="it's")
    check("single quotes" in said, said)
