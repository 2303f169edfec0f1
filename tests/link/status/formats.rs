//! The output formats, and a thousand instances.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Instant;

use autora::state_file::{Frame, Record};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use super::{Published, QUICK, ask, asking, document, instance, lock};
use crate::harness::daemon::{BINARY, text_of};
use crate::harness::lab::ROUTER_LL;
use crate::harness::{Autora, GUEST, Lab, SOON, TAP};

#[test]
fn promtool_accepts_the_metrics() {
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

/// The document is valid by `contrib/status.schema.json`, which describes every key.
#[test]
fn the_json_follows_its_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/status.schema.json");
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile(path, &mut schemas).unwrap();

    let lab = Lab::new();
    lab.router.run("ip link add tap-vm-10 type veth peer name other");
    let mut documents = vec![document(&lab)];
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    lab.guest.run(&format!("ping -6 -c 1 -W 5 {ROUTER_LL}%{GUEST}"));
    documents.push(document(&lab));
    lab.router.run(&format!("ip link set {TAP} down"));
    lab.eventually("waiting", SOON, |lab| instance(lab)["state"] == "waiting");
    documents.push(document(&lab));

    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let properties = &schema["properties"];
    let mut addresses = 0;
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
        assert_documented(
            &document["neighbour_table"],
            &properties["neighbour_table"]["properties"],
        );
        for instance in document["instances"].as_array().unwrap() {
            let described = &properties["instances"]["items"]["properties"]["guest"]["properties"];
            assert_documented(&instance["guest"], described);
            for address in instance["guest"]["addresses"].as_array().unwrap() {
                addresses += 1;
                assert_documented(address, &described["addresses"]["items"]["properties"]);
            }
        }
    }
    assert!(addresses > 0, "one of a guest's addresses is among them");
}

fn assert_documented(object: &Value, properties: &Value) {
    for key in object.as_object().unwrap().keys() {
        assert!(properties[key].is_object(), "{key} is not in the schema");
    }
}

#[test]
fn a_thousand_instances_take_less_than_a_second() {
    const COUNT: u32 = 1000;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let lab = Lab::new();
    let published = Published::new("thousand");
    let (_daemon, _capture) = lab.serve(&published.by(Autora::slow()));
    let record = Record::parse(&fs::read(published.file()).unwrap()).unwrap();
    let mut owners: Vec<OwnedFd> = Vec::new();
    for ifindex in 1000..1000 + COUNT - 1 {
        let path = published.directory.join(format!("1.{ifindex}"));
        let mut frame = Frame::default();
        let record = Record {
            ifindex,
            ..record.clone()
        };
        record.format(&mut frame);
        fs::write(&path, frame.as_bytes()).unwrap();
        owners.push(lock(&path).into());
    }
    for format in ["table", "json", "prometheus"] {
        let begun = Instant::now();
        let output = ask(&lab.router, &published.by(asking(format)));
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

/// `NO_COLOR` turns the colours off.
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
