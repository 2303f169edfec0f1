"""contrib/examples/prometheus and grafana, judged by promtool, Prometheus, node_exporter, systemd and Grafana's schema."""

import configparser
import enum
import json
import os
import re
import shutil
import subprocess
import sys
import types
import typing
import urllib.parse

from lab.links import PREFIX
from lab.process import AUTORA
from scenarios.stage import EXAMPLES, WORK, Fail, Node, check, configured, host_and_guest, say, scenario, wait, write

HERE = os.path.dirname(os.path.abspath(__file__))
PROMETHEUS = os.path.join(EXAMPLES, "prometheus")
RULES = os.path.join(PROMETHEUS, "autora.rules.yml")
DASHBOARD = os.path.join(EXAMPLES, "grafana", "autora.json")
# As `autora status --format prometheus` writes it, with an interface in each state.
SAMPLE = os.path.join(HERE, "autora.prom")
METRIC = re.compile(r"\bautora_[a-z_]+\b")
# On systemd's scale of 0 to 10, in tenths: no more than autora@.service.
EXPOSURE = 15


def run(*argv, **how):
    """What a program prints; it fails if the program does."""
    done = subprocess.run(argv, capture_output=True, text=True, **how)
    if done.returncode:
        raise Fail(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def sample():
    with open(SAMPLE, encoding="ascii") as file:
        return file.read()


def exported(text=None):
    return set(re.findall(r"^# TYPE (\S+)", text or sample(), re.MULTILINE))


def labels(text):
    """{metric: names of its labels}"""
    found = {}
    for name, pairs in re.findall(r"^(\w+)\{(.*)\} ", text, re.MULTILINE):
        found.setdefault(name, set()).add(tuple(sorted(re.findall(r'(\w+)="', pairs))))
    return found


def dashboard():
    with open(DASHBOARD, encoding="utf-8") as file:
        return json.load(file)


def expressions():
    """(panel's title, PromQL) of every query, with Grafana's variables filled in as it does it for "All"."""
    filled = {"$instance": ".*", "$interface": ".*", "$__rate_interval": "4m"}
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in filled.items():
                text = text.replace(name, value)
            yield panel["title"], text


@scenario("prometheus-rules", "prometheus", "the alerts: promtool check rules, promtool test rules", 3)
def rules():
    say(run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES))
    say(run("promtool", "test", "rules", os.path.join(HERE, "autora.rules_test.yml")))
    say(run("promtool", "check", "metrics", input=sample()))
    with open(RULES, encoding="utf-8") as file:
        text = file.read()
    alerts = set(re.findall(r"alert: (\S+)", text))
    with open(os.path.join(HERE, "autora.rules_test.yml"), encoding="utf-8") as file:
        fired = set(re.findall(r"alertname: (\S+)\n +exp_alerts", file.read()))
    check(alerts == fired, f"no test in which they fire: {alerts - fired}")
    used = {name for line in re.findall(r"expr:(.*?)\n +(?:for|labels):", text, re.S) for name in METRIC.findall(line)}
    check(used and used <= exported(), f"autora has no such metrics: {used - exported()}")


@scenario("prometheus-live", "prometheus", "the metrics of a live instance are those that the others are tested with", 8)
def live():
    host, guest = host_and_guest()
    daemon = host.autora("tap-vm-1")
    daemon.says("advertising 2001:db8:1::/64")
    configured(guest, "eth0", PREFIX, timeout=30)
    environment = {"RUNTIME_DIRECTORY": f"{WORK}/host-tap-vm-1", "AUTORA_INTERFACE_REGEX": "^(tap|lo)"}
    with host.net:
        # 1: lo matches and has no instance.
        argv = [AUTORA, "status", "--format", "prometheus"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    check(done.returncode == 1, f"{done.returncode} {done.stderr}")
    say(run("promtool", "check", "metrics", input=done.stdout))
    check(exported(done.stdout) == exported(), f"other metrics: {exported(done.stdout) ^ exported()}")
    check(labels(done.stdout) == labels(sample()), f"other labels: {labels(done.stdout)}")
    state = r'^autora_state_info\{interface="tap-vm-1",state="advertising",reason="",prefix="2001:db8:1::/64",source="fe80:.*"\} 1$'
    check(re.search(state, done.stdout, re.MULTILINE), done.stdout)
    check(re.search(r'^autora_state_info\{interface="lo",state="absent",reason="[a-z-]+",', done.stdout, re.MULTILINE), done.stdout)


@scenario("prometheus-textfile", "prometheus", "the textfile unit: systemd-analyze, and half a file is never seen", 3)
def textfile():
    units = [os.path.join(PROMETHEUS, f"autora-textfile.{kind}") for kind in ("timer", "service")]
    said = run("systemd-analyze", "verify", "--man=no", *units)
    check(not said, f"systemd-analyze verify: {said}")
    say(run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", units[1]).splitlines()[-1])
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(units[1])
    shell, option, script = re.fullmatch(r"(\S+) (-c) '(.*)'", unit["Service"]["ExecStart"]).groups()
    directory = os.path.join(WORK, "textfile")
    os.makedirs(directory)

    def write_metrics(autora):
        """The unit's command, with this for autora."""
        os.chmod(write("bin/autora", f"#!/bin/sh\n{autora}\n"), 0o755)
        path = f"{WORK}/bin:{os.environ['PATH']}"
        return subprocess.run([shell, option, script], cwd=directory, env={"PATH": path}, capture_output=True).returncode

    check(write_metrics(f'test "$*" = "status --format prometheus" && cat {SAMPLE}') == 0, "the command fails")
    target = os.path.join(directory, "autora.prom")
    with open(target, encoding="ascii") as file:
        check(file.read() == sample(), "other text than autora's")
    first = os.stat(target)
    check(write_metrics(f"head -c 99 {SAMPLE}; exit 71") != 0, "a failure of autora goes unnoticed")
    check(os.stat(target) == first, "autora failed and the file was changed")
    check(write_metrics(f"cat {SAMPLE}; exit 1") == 0, "an interface without its instance stops the metrics")
    # A reader that has the old file open still sees all of it.
    with open(target, encoding="ascii") as reader:
        check(write_metrics("echo autora_build_info 1") == 0, "the command fails")
        check(reader.read() == sample(), "the file was overwritten in place")
    check(os.listdir(directory) == ["autora.prom"], f"left behind: {os.listdir(directory)}")


class Monitored(Node):
    """A host with node_exporter and Prometheus, which talk on its own loopback."""

    def __init__(self):
        super().__init__("monitored")
        directory = os.path.join(WORK, "textfile")
        os.makedirs(directory)
        self.start(
            shutil.which("prometheus-node-exporter"),
            "--web.listen-address=127.0.0.1:9100",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={directory}",
        )
        shutil.copy(SAMPLE, os.path.join(directory, "autora.prom"))
        job = "{job_name: node, static_configs: [{targets: ['127.0.0.1:9100']}]}"
        config = f"global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n"
        self.prometheus = self.start(
            shutil.which("prometheus"),
            f"--config.file={write('prometheus.yml', config)}",
            f"--storage.tsdb.path={WORK}/tsdb",
            "--web.listen-address=127.0.0.1:9090",
        )

    def query(self, text):
        """[(labels, number)] of an instant query, or None while Prometheus does not answer."""
        url = f"http://127.0.0.1:9090/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        script = "import sys,urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"
        with self.net:
            done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True)
        if done.returncode:
            return None
        return [(r["metric"], float(r["value"][1])) for r in json.loads(done.stdout)["data"]["result"]]


@scenario("grafana-queries", "grafana", "each panel's query, answered by Prometheus from what node_exporter serves", 12)
def queries():
    host = Monitored()
    # Two scrapes, so that there are rates.
    wait("Prometheus has scraped twice", lambda: host.query("count_over_time(autora_build_info[1m]) >= 2"), 20)
    used = set()
    answers = {}
    for title, text in expressions():
        answer = host.query(text)
        if answer is None:
            raise Fail(f"{title}: Prometheus does not understand {text}")
        say(f"  {title}: {answer}")
        answers.setdefault(title, []).append(answer)
        used |= set(METRIC.findall(text))
    check(used <= exported(), f"autora has no such metrics: {used - exported()}")
    check(used == exported(), f"on no panel: {exported() - used}")
    numbers = {title: answer[0][0][1] for title, answer in answers.items() if answer[0]}
    expected = {"Advertising": 2, "Silent": 2, "Down or late": 2}
    check({t: numbers.get(t) for t in expected} == expected, f"{numbers}")
    check(0 <= numbers["Oldest numbers"] < 60, f"the age of the metrics: {numbers['Oldest numbers']}")
    why = {(m["interface"], m["state"], m.get("reason", "")) for m, _ in answers["Not advertising, and why"][0]}
    silent = {("tap-vm-2", "waiting", "no-prefix"), ("tap-vm-3", "yielding", "other-daemon")}
    silent |= {("tap-vm-4", "absent", "stopped"), ("tap-vm-6", "waiting", "no-carrier")}
    check(why == silent, f"not advertising: {why}")
    since = {m["interface"] for m, _ in answers["Not advertising, and why"][1]}
    check(since == {"tap-vm-2", "tap-vm-3", "tap-vm-6"}, f"since: {since}")
    check([m["interface"] for m, _ in answers["Late"][0]] == ["tap-vm-5"], f"late: {answers['Late']}")


def differences(ours, theirs, where="dashboard"):
    """What of our JSON did not come back from Grafana's own model of it; it may add defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                yield f"{where}.{key} is unknown"
            else:
                yield from differences(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, f"{where}[{i}]")
    elif ours != theirs:
        yield f"{where} is {ours!r} and comes back as {theirs!r}"


def fits(value, wanted, scope):
    """Whether a value is of a type as the model's constructors declare them."""
    if isinstance(wanted, str):
        wanted = getattr(scope, wanted)
    if isinstance(wanted, typing.ForwardRef):
        wanted = getattr(scope, wanted.__forward_arg__)
    origin, parts = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted in (object, typing.Any):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part, scope) for part in parts)
    if origin is typing.Literal:
        return value in parts
    if origin is list:
        return isinstance(value, list) and all(fits(v, parts[0], scope) for v in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(v, parts[1], scope) for v in value.values())
    if wanted is float:
        return isinstance(value, (int, float))
    # The model leaves some members as they were in the JSON.
    if issubclass(wanted, enum.Enum):
        return value in [member.value for member in wanted]
    if isinstance(value, dict) and hasattr(wanted, "from_json"):
        return not list(misfits(wanted.from_json(value)))
    return isinstance(value, wanted) and (wanted is not int or not isinstance(value, bool))


def misfits(value, where="dashboard"):
    """The members of a model, and of what is in it, that are not of their declared types."""
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from misfits(item, f"{where}[{i}]")
    if not type(value).__module__.startswith("grafana_foundation_sdk.models"):
        return
    scope = sys.modules[type(value).__module__]
    for name, wanted in type(value).__init__.__annotations__.items():
        member = getattr(value, name, None)
        if name == "return" or member is None:
            continue
        if not fits(member, wanted, scope):
            yield f"{where}.{name} is {member!r} and not {wanted}"
        yield from misfits(member, f"{where}.{name}")


@scenario("grafana-schema", "grafana", "the dashboard, read by the model that Grafana generates from its schema", 3)
def schema():
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()

    def faults(document):
        model = Dashboard.from_json(document)
        back = json.loads(json.dumps(model, cls=JSONEncoder))
        return [*differences(document, back), *misfits(model)]

    found = faults(dashboard())
    check(not found, "\n".join(found))
    # What a slip of the pen looks like.
    for slip in (
        lambda d: d.update(tittle="x"),
        lambda d: d.update(schemaVersion="39"),
        lambda d: d["panels"][0]["gridPos"].update(w="4"),
        lambda d: d["panels"][0]["options"].update(graphMod="none"),
        lambda d: d["panels"][0]["targets"][0].update(expression="up"),
        lambda d: d["templating"]["list"][1].update(hide="no"),
    ):
        document = dashboard()
        slip(document)
        check(faults(document), "the check does not see a mistake")
    panels = dashboard()["panels"]
    check(len({p["id"] for p in panels}) == len(panels), "two panels have one id")
    cells = [(x, y) for p in panels for g in [p["gridPos"]] for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])]  # fmt: skip
    check(len(set(cells)) == len(cells) and max(x for x, _ in cells) < 24, "panels lie on each other")
