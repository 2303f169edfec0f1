//! `autora status`: what instances publish, and what becomes of it.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use autora::publication::{Page, Record};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::failures::drop_egress;
use crate::harness::daemon::{BINARY, text_of};
use crate::harness::lab::{GUEST_LL, PREFIX, ROUTER_LL, TAP_INDEX, scratch};
use crate::harness::namespace::Namespace;
use crate::harness::{Autora, Daemon, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, Rs, SOON, TAP, ms, secs};

/// The promise for a thousand instances; one must do by far.
const QUICK: Duration = secs(1);

fn asking(format: &str) -> Autora {
    Autora::for_taps().arg("status").arg("--format").arg(format)
}

/// As a process without any capability, so that each case shows that none is needed.
fn ask(namespace: &Namespace, autora: &Autora) -> Output {
    let begun = Instant::now();
    let output = autora.unprivileged_output(namespace);
    assert!(begun.elapsed() < QUICK + NOISE, "{:?}", begun.elapsed());
    assert!(!text_of(&output).contains("panicked"), "{}", text_of(&output));
    output
}

fn document(lab: &Lab) -> Value {
    serde_json::from_slice(&ask(&lab.router, &asking("json")).stdout).unwrap()
}

/// The only instance.
pub fn instance(lab: &Lab) -> Value {
    let document = document(lab);
    let instances = document["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 1, "{document:#}");
    instances[0].clone()
}

fn table(lab: &Lab, names: &[&str]) -> (String, i32) {
    let autora = names
        .iter()
        .fold(asking("table"), |autora, name| autora.arg(name));
    let output = ask(&lab.router, &autora);
    (text_of(&output), output.status.code().unwrap())
}

/// An instance whose directory the test can see, which is outside of the
/// namespace.
struct Published {
    directory: PathBuf,
}

impl Published {
    fn new(name: &str) -> Self {
        Self {
            directory: scratch(name),
        }
    }

    fn told(&self, autora: Autora) -> Autora {
        autora.env("RUNTIME_DIRECTORY", self.directory.to_str().unwrap())
    }

    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(&self.directory).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one file in {}", self.directory.display());
        file
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn the_state_and_each_change_of_it_show() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    lab.eventually("advertising", SOON, |lab| instance(lab)["ra_sent"] == 1);
    let shown = instance(&lab);
    assert_eq!(shown["interface"], TAP);
    assert_eq!(shown["ifindex"], TAP_INDEX);
    assert_eq!(shown["state"], "advertising");
    assert_eq!(shown["prefix"], format!("{PREFIX}/64"));
    assert_eq!(shown["source"], ROUTER_LL.to_string());
    assert_eq!(shown["reason"], Value::Null);
    assert_eq!(shown["overdue"], false);
    let (text, status) = table(&lab, &[TAP]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("advertising") && !text.contains('\x1b'), "{text}");

    let conf = format!("/proc/sys/net/ipv6/conf/{TAP}/forwarding");
    lab.router.run(&format!("echo 0 >{conf}"));
    lab.eventually("waiting", SOON, |lab| instance(lab)["reason"] == "not-forwarding");
    let shown = instance(&lab);
    assert_eq!(shown["state"], "waiting");
    assert_eq!(shown["prefix"], Value::Null);
    let (text, status) = table(&lab, &[TAP]);
    assert_eq!(status, 0, "it waits properly: {text}");
    assert!(text.contains("forwarding is 0: sysctl -w"), "{text}");

    lab.router.run(&format!("echo 1 >{conf}"));
    lab.eventually("advertising again", SOON, |lab| {
        instance(lab)["state"] == "advertising"
    });
}

#[test]
fn the_counters_are_those_of_the_wire() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    let bad_checksum = Rs {
        checksum_good: false,
        ..Rs::default()
    };
    let bad_code = Rs {
        code: 1,
        ..Rs::default()
    };
    let rogue = Rs {
        kind: 134,
        source: GUEST_LL,
        options: vec![0; 8],
        ..Rs::default()
    };
    agent.send_times(&bad_checksum, 2);
    agent.send(&bad_code);
    agent.send_times(&rogue, 3);
    lab.eventually("foreign RAs", SOON, |lab| instance(lab)["foreign_ra_seen"] == 3);
    for _ in 0..2 {
        agent.send(&Rs::default());
        let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + ms(800));
    }
    lab.eventually("the second answer", SOON, |lab| instance(lab)["rs_answered"] == 2);
    let shown = instance(&lab);
    assert_eq!(shown["ra_sent"], capture.ras().len());
    assert_eq!(shown["rs_dropped"], serde_json::json!({"checksum": 2, "code": 1}));
    assert_eq!(shown["send_errors"], 0);
}

/// One that hangs is shown as it was, and as late; nobody waits for it.
#[test]
fn an_instance_that_hangs_is_overdue() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::fast());
    daemon.signal(Signal::SIGSTOP);
    assert_eq!(instance(&lab)["overdue"], false);
    lab.eventually("overdue", secs(4 + 10) + SOON, |lab| {
        instance(lab)["overdue"] == true
    });
    let (text, status) = table(&lab, &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("overdue") && text.contains(" late"), "{text}");
    daemon.signal(Signal::SIGCONT);
    lab.eventually("served again", SOON, |lab| instance(lab)["overdue"] == false);
}

/// So is one whose sends fail, however often it tries.
#[test]
fn an_instance_that_cannot_send_is_overdue() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(&drop_egress());
    lab.eventually("overdue", secs(4 + 10) + SOON, |lab| {
        instance(lab)["overdue"] == true
    });
    let errors = instance(&lab)["send_errors"].as_u64().unwrap();
    assert!(errors >= 2, "{errors}");
    lab.router.run("nft delete table netdev t");
    let _ = capture.ra_within(secs(10));
    lab.eventually("served again", SOON, |lab| instance(lab)["overdue"] == false);
}

#[test]
fn a_process_that_is_dead_is_no_instance_and_a_new_one_counts_it() {
    let lab = Lab::new();
    for restarts in 0..3 {
        let mut daemon = Autora::slow().start(&lab.router);
        lab.eventually("it runs", SOON, |lab| {
            document(lab)["instances"][0]["restarts"] == restarts
        });
        assert_eq!(instance(&lab)["pid"], daemon.pid());
        if restarts == 1 {
            daemon.signal(Signal::SIGTERM);
            assert_eq!(daemon.exit_within(SOON), 0);
        }
        drop(daemon);
        let document = document(&lab);
        assert_eq!(document["instances"], serde_json::json!([]));
        assert_eq!(document["without_instance"][0]["interface"], TAP);
        assert_eq!(document["without_instance"][0]["reason"], "not-started");
        let (text, status) = table(&lab, &[]);
        assert_eq!(status, 1, "{text}");
    }
}

#[test]
fn what_lacks_an_instance_says_why() {
    let lab = Lab::new();
    lab.router.run("ip link add tap-vm-10 type veth peer name other");
    let (text, status) = table(&lab, &[]);
    assert_eq!(status, 1, "{text}");
    for words in [
        &format!("autora --interface {TAP}\n")[..],
        "autora --interface tap-vm-10; and then it would wait: it is down: ip link set tap-vm-10 up",
        "0 instances; 2 interfaces without an instance",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("other "), "it does not match: {text}");
    let (text, status) = table(&lab, &["other", "nix"]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("does not match the pattern '^tap-vm-[0-9]+$'"),
        "{text}"
    );
    assert!(text.contains("there is no such interface"), "{text}");
    assert!(!text.contains(TAP), "only what was named: {text}");

    // Nothing is wrong where nothing is wanted.
    let nothing = asking("table").set("interface-regex", "^vnet");
    let output = ask(&lab.router, &nothing);
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("no interface here matches"),
        "{}",
        text_of(&output)
    );
}

/// What runs is shown even while the configuration is broken.
#[test]
fn a_pattern_that_is_refused_hides_nothing() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    let output = ask(&lab.router, &asking("table").set("interface-regex", "(["));
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(
        text.contains("advertising") && text.contains("--interface-regex"),
        "{text}"
    );
}

#[test]
fn an_instance_of_another_network_namespace_is_marked() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    let seen_by = |namespace: &Namespace, format: &str| {
        let output = ask(namespace, &asking(format).arg(TAP));
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!seen_by(&lab.router, "table").contains("another network namespace"));
    assert!(seen_by(&lab.guest, "table").contains("in another network namespace, net:["));
    let document: Value = serde_json::from_str(&seen_by(&lab.guest, "json")).unwrap();
    assert_eq!(document["instances"][0]["other_namespace"], true);
    assert!(seen_by(&lab.guest, "prometheus").contains(r#"interface="tap-vm-1",namespace=""#));
}

/// Whatever else lies in the directory: nothing is followed, waited for or believed.
#[test]
fn what_is_no_publication_is_left_alone() {
    let lab = Lab::new();
    let published = Published::new("garbage");
    let (daemon, _capture) = lab.serve(&published.told(Autora::slow()));
    let live = published.file();
    let good = fs::read(&live).unwrap();
    let at = |name: &str| published.directory.join(name);
    fs::write(at("1.1"), &good).unwrap();
    fs::write(at("1.2"), "").unwrap();
    fs::write(at("1.3"), vec![0xff; 1 << 20]).unwrap();
    fs::write(at("1.x"), &good).unwrap();
    fs::create_dir(at("1.4")).unwrap();
    std::os::unix::fs::symlink(&live, at("1.5")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("1.6")).unwrap();
    nix::unistd::mkfifo(&at("1.7"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("1.8")).unwrap();
    let shown = |names: &[&str]| {
        let autora = names.iter().fold(asking("json"), |autora, name| autora.arg(name));
        let output = ask(&lab.router, &published.told(autora));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (document["instances"].as_array().unwrap().len(), text_of(&output))
    };
    assert_eq!(shown(&[]).0, 1);

    // A live one that cannot be read is not passed over in silence.
    let mut torn = good.clone();
    torn[100] ^= 1;
    fs::write(at("1.1"), torn).unwrap();
    let _lock = lock(&at("1.1"));
    let (instances, text) = shown(&[]);
    assert_eq!(instances, 1);
    assert!(text.contains("cannot be understood"), "{text}");
    drop(daemon);
    assert_eq!(shown(&[]).0, 0);
}

/// Whoever may read a file can hold a read lock on it.
#[test]
fn a_lock_of_a_mere_reader_neither_revives_the_dead_nor_stops_the_next() {
    let lab = Lab::new();
    let published = Published::new("squatter");
    let autora = published.told(Autora::slow());
    let (daemon, _capture) = lab.serve(&autora);
    drop(daemon);
    let _squatter = lock_as(libc::F_RDLCK, File::open(published.file()).unwrap());
    let status = || {
        let output = ask(&lab.router, &published.told(asking("table").arg(TAP)));
        output.status.code().unwrap()
    };
    assert_eq!(status(), 1);
    let _next = autora.start(&lab.router);
    lab.eventually("the next instance shows", SOON, |_| status() == 0);
}

#[test]
fn an_idle_instance_neither_wakes_up_nor_writes_and_no_reader_changes_that() {
    let lab = Lab::new();
    let published = Published::new("idle");
    let (daemon, mut capture) = lab.serve(&published.told(Autora::slow()));
    // The second of the first three follows within 16 s; then there is silence.
    for _ in 0..2 {
        let _ = capture.ra_within(secs(16) + NOISE);
    }
    let doings = || {
        let file = fs::metadata(published.file()).unwrap();
        let switches = daemon.proc_status("voluntary_ctxt_switches");
        (written(&daemon), switches, file.modified().unwrap())
    };
    // The send is not the last thing that it does.
    lab.eventually("sleep", SOON, |_| {
        let before = doings();
        std::thread::sleep(ms(300));
        doings() == before
    });
    let before = doings();
    for _ in 0..20 {
        let output = ask(&lab.router, &published.told(asking("json")));
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    }
    std::thread::sleep(secs(2));
    assert_eq!(doings(), before);
}

/// Calls that write, by the kernel's count.
fn written(daemon: &Daemon) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/io", daemon.pid())).unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("syscw: "));
    count.unwrap().parse().unwrap()
}

/// Packets that are dropped are counted; they are not written down one by one.
#[test]
fn a_flood_of_bad_packets_is_written_down_as_often_as_it_wakes_up() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let published = Published::new("flood");
    let (daemon, _capture) = lab.serve(&published.told(Autora::slow()));
    let before = written(&daemon);
    let bad = Rs {
        checksum_good: false,
        ..Rs::default()
    };
    let dropped = || {
        let record = Record::parse(&fs::read(published.file()).unwrap());
        record.map_or(0, |record| {
            record.counters.dropped().map(|(_, count)| count).sum()
        })
    };
    let begun = Instant::now();
    while dropped() <= 100_u64 {
        assert!(begun.elapsed() < SOON, "{} are counted", dropped());
        agent.send_times(&bad, 5000);
    }
    // The budget is 32 packets in each quarter of a second, each of which may
    // have woken it up.
    let windows = begun.elapsed().as_millis() / 250 + 2;
    let writes = written(&daemon) - before;
    assert!(
        u128::from(writes) <= 32 * windows,
        "{writes} writes in {windows} windows"
    );
}

#[test]
fn promtool_finds_no_fault() {
    let lab = Lab::new();
    lab.router.run("ip link add tap-vm-10 type veth peer name other");
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    let output = ask(&lab.router, &asking("prometheus"));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        r#"autora_instance_up{interface="tap-vm-1"} 1"#,
        r#"autora_instance_up{interface="tap-vm-10"} 0"#,
        r#"autora_ra_sent_total{interface="tap-vm-1"} 1"#,
        r#"autora_rs_dropped_total{interface="tap-vm-1",reason="hop-limit"} 0"#,
        r#"autora_state_info{interface="tap-vm-10",state="absent",reason="not-started",prefix="",source=""} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run promtool (package prometheus)");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", text_of(&output));
    assert_eq!(text_of(&output), "");
}

/// The document is what `contrib/status.schema.json` says, and says no more.
#[test]
fn the_json_is_as_its_schema_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/status.schema.json");
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile(path, &mut schemas).unwrap();

    let lab = Lab::new();
    lab.router.run("ip link add tap-vm-10 type veth peer name other");
    let mut documents = vec![document(&lab)];
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    documents.push(document(&lab));
    lab.router.run(&format!("ip link set {TAP} down"));
    lab.eventually("waiting", SOON, |lab| instance(lab)["state"] == "waiting");
    documents.push(document(&lab));

    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let properties = &schema["properties"];
    for document in &documents {
        if let Err(error) = schemas.validate(document, index) {
            panic!("{error:#}\n{document:#}");
        }
        assert_documented(document, properties);
        for list in ["instances", "without_instance"] {
            for entry in document[list].as_array().unwrap() {
                assert_documented(entry, &properties[list]["items"]["properties"]);
            }
        }
    }
}

fn assert_documented(object: &Value, properties: &Value) {
    for key in object.as_object().unwrap().keys() {
        assert!(properties[key].is_object(), "{key} is not in the schema");
    }
}

/// The lock of an owner.
fn lock(path: &Path) -> File {
    lock_as(libc::F_WRLCK, File::options().write(true).open(path).unwrap())
}

fn lock_as(kind: libc::c_int, file: File) -> File {
    let all = libc::flock {
        l_type: kind.try_into().unwrap(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&all)).unwrap();
    file
}

#[test]
fn a_thousand_instances_take_less_than_a_second() {
    const COUNT: u32 = 1000;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let lab = Lab::new();
    let published = Published::new("thousand");
    let (_daemon, _capture) = lab.serve(&published.told(Autora::slow()));
    let record = Record::parse(&fs::read(published.file()).unwrap()).unwrap();
    let mut owners: Vec<OwnedFd> = Vec::new();
    for ifindex in 1000..1000 + COUNT - 1 {
        let path = published.directory.join(format!("1.{ifindex}"));
        let mut page = Page::default();
        let record = Record {
            ifindex,
            ..record.clone()
        };
        record.format(&mut page);
        fs::write(&path, page.as_bytes()).unwrap();
        owners.push(lock(&path).into());
    }
    for format in ["table", "json", "prometheus"] {
        let begun = Instant::now();
        let output = ask(&lab.router, &published.told(asking(format)));
        let took = begun.elapsed();
        let text = text_of(&output);
        assert_eq!(
            text.matches("2001:db8:1:1::/64").count(),
            COUNT as usize,
            "{format}"
        );
        assert!(took < QUICK, "{format}: {took:?}");
        println!("{format}: {took:?}");
    }
}

/// A terminal gets colours, and lines of its width, unless it asks not to.
#[test]
fn a_terminal_gets_colours_and_lines_that_fit() {
    let lab = Lab::new();
    lab.router
        .run(&format!("echo 0 >/proc/sys/net/ipv6/conf/{TAP}/forwarding"));
    let _daemon = Autora::slow().start(&lab.router);
    lab.eventually("it runs", SOON, |lab| {
        document(lab)["instances"][0]["state"] == "waiting"
    });
    let on_terminal = |prefix: &str| {
        let command = format!("stty rows 24 cols 60; {prefix} exec {BINARY} status");
        let script = format!("script --quiet --return --command \"{command}\" /dev/null");
        lab.router.run(&script)
    };
    let coloured = on_terminal("TERM=xterm");
    assert!(coloured.contains("\x1b[33mwaiting\x1b[0m"), "{coloured:?}");
    assert!(
        coloured.lines().all(|line| line.trim_end().len() <= 60 + 10),
        "{coloured}"
    );
    let plain = on_terminal("TERM=xterm NO_COLOR=1");
    assert!(!plain.contains('\x1b') && plain.contains("waiting"), "{plain:?}");
    assert!(plain.lines().all(|line| line.trim_end().len() <= 60), "{plain}");
}
