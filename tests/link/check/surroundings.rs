//! Privileges, tools, units, other daemons, terminals.

use super::{Check, check, the_check};
use crate::harness::daemon::{BINARY, Finished, text_of};
use crate::harness::lab::scratch;
use crate::harness::{Daemon, Lab, SOON, TAP, secs};

#[test]
fn without_privileges_it_shows_what_was_not_checked() {
    let lab = Lab::new();
    let output = the_check().arg(TAP).unprivileged_output(&lab.router);
    let check = Check::of(&output);
    assert_eq!(check.status, 0, "{}", check.text);
    check.expect('-', "nftables", "not checked");
    assert_eq!(check.fix("nftables"), "sudo nft list ruleset");
}

/// Runs the check with `script` in place of the program `name`.
fn with_program(lab: &Lab, name: &str, script: &str) -> Check {
    let directory = scratch(&format!("check-{name}-{}", script.len()));
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    let mut command = lab.router.command("sh");
    let start = "chmod 755 \"$0/$1\"; export PATH=$0:$PATH; shift; exec \"$@\"";
    command.args(["-ec", start]).arg(&directory).arg(name);
    command.args([BINARY, "--interface-regex=^tap", "check", TAP]);
    let check = Check::of(&Finished::within(command, secs(20)));
    std::fs::remove_dir_all(&directory).unwrap();
    check
}

#[test]
fn a_tool_that_hangs_is_ended() {
    let lab = Lab::new();
    for (name, requirement) in [("nft", "nftables"), ("systemctl", "systemd")] {
        let check = with_program(&lab, name, "exec sleep 1000");
        assert_eq!(check.status, 0, "{}", check.text);
        check.expect('-', requirement, "no answer within 2 s");
    }
}

#[test]
fn a_masked_instance_is_a_cross() {
    let lab = Lab::new();
    let script = "test $# -gt 3; cat <<END
Id=autora.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=autora@tap-vm-1.service
LoadState=masked
ActiveState=inactive
END";
    let check = with_program(&lab, "systemctl", script);
    check.assert_crosses(&["instance"]);
    check.expect('x', "instance", "autora@tap-vm-1.service is masked");
}

#[test]
fn other_locales_and_terminals() {
    let lab = Lab::new();
    let plain = text_of(&the_check().arg(TAP).output(&lab.router));
    assert!(plain.is_ascii() && !plain.contains('\x1b'), "{plain}");
    let utf8 = the_check().arg(TAP).env("LC_ALL", "C.UTF-8").output(&lab.router);
    let utf8 = text_of(&utf8);
    assert!(utf8.contains("  ✓ up ") && !utf8.contains('\x1b'), "{utf8}");
}

/// The kernel's counter decides; the name of a running program is only a hint.
#[test]
fn another_daemon_advertises() {
    let lab = Lab::new();
    let directory = scratch("check-radvd");
    let config = directory.join("radvd.conf");
    let text = format!("interface {TAP} {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; }};");
    std::fs::write(&config, text).unwrap();
    check(&lab.router).expect('+', "no other daemon", "no other daemon has advertised");
    let mut radvd = lab.router.command("radvd");
    radvd
        .args(["--nodaemon", "--logmethod=stderr"])
        .arg(format!("--config={}", config.display()))
        .arg(format!("--pidfile={}", directory.join("pid").display()));
    let radvd = Daemon::spawn(radvd);
    lab.eventually("a cross", SOON, |lab| check(&lab.router).status == 1);
    let found = check(&lab.router);
    assert_eq!(found.marked('x'), ["no other daemon"], "{}", found.text);
    // The machine may run others whose namespace this user cannot see.
    let said = &found.expect('x', "no other daemon", "running here: ").found;
    let (_, running) = said.split_once("running here: ").unwrap();
    assert!(running.split(", ").any(|name| name == "radvd"), "{said}");
    assert_eq!(found.fix("no other daemon"), "systemctl stop radvd");
    drop(radvd);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Its address is that of a port until it is set.
#[test]
fn bridge_without_an_address_of_its_own() {
    let lab = Lab::new();
    lab.router
        .run("ip link add tap-vm-2 type bridge; ip link set tap-vm-2 up");
    let with_sysfs = |script: &str| {
        let mut command = lab.router.command("unshare");
        let start = format!("mount -t sysfs sysfs /sys && {script}");
        command.args(["--mount", "sh", "-ec", &start, BINARY]);
        Finished::within(command, SOON)
    };
    let check = || Check::of(&with_sysfs("exec \"$0\" --interface-regex=^tap check tap-vm-2"));
    let before = check();
    before.expect('!', "MAC address", "when its ports change");
    let fix = before.fix("MAC address");
    assert!(with_sysfs(&fix).status.success(), "{fix}");
    assert!(!check().marked('!').contains(&"MAC address"), "{}", check().text);
}
