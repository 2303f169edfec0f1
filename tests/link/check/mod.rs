//! `autora check`: what it marks is so, and what it prints fixes it. Every
//! command is taken from its output and run as it stands.

mod firewall;
mod generated_rules;
mod requirements;
mod routes;
mod surroundings;

use std::process::Output;

use crate::harness::daemon::text_of;
use crate::harness::lab::PREFIX;
use crate::harness::namespace::Namespace;
use crate::harness::{Autora, Lab, SOON, TAP};

/// `+`, `x`, `!` or `-`, as in a locale without UTF-8.
#[derive(Debug)]
struct Finding {
    mark: char,
    requirement: String,
    found: String,
    fix: Option<String>,
}

#[derive(Debug)]
struct Check {
    status: i32,
    text: String,
    findings: Vec<Finding>,
}

impl Check {
    fn of(output: &Output) -> Self {
        let text = text_of(output);
        let mut findings: Vec<Finding> = Vec::new();
        for line in text.lines() {
            if let Some((_, command)) = line.split_once("  # ") {
                findings.last_mut().unwrap().fix = Some(command.to_owned());
            } else if let Some(rest) = line.strip_prefix("  ") {
                let (mark, rest) = rest.split_once(' ').unwrap();
                let (requirement, found) = rest.split_once("  ").unwrap();
                findings.push(Finding {
                    mark: mark.parse().unwrap(),
                    requirement: requirement.to_owned(),
                    found: found.trim().to_owned(),
                    fix: None,
                });
            }
        }
        Self {
            status: output.status.code().unwrap(),
            text,
            findings,
        }
    }

    fn marked(&self, mark: char) -> Vec<&str> {
        let marked = self.findings.iter().filter(|finding| finding.mark == mark);
        marked.map(|finding| &finding.requirement[..]).collect()
    }

    /// These crosses, and the status that goes with them.
    fn assert_crosses(&self, crosses: &[&str]) {
        let status = i32::from(!crosses.is_empty());
        assert_eq!(
            (self.marked('x'), self.status),
            (crosses.to_vec(), status),
            "{}",
            self.text
        );
    }

    /// These crosses and these warnings.
    fn assert_marked(&self, crosses: &[&str], warnings: &[&str]) {
        self.assert_crosses(crosses);
        assert_eq!(self.marked('!'), warnings, "{}", self.text);
    }

    fn finding(&self, requirement: &str) -> &Finding {
        let found = self
            .findings
            .iter()
            .find(|finding| finding.requirement == requirement);
        found.unwrap_or_else(|| panic!("no {requirement}: {}", self.text))
    }

    /// What is said of a requirement that stands so.
    fn expect(&self, mark: char, requirement: &str, words: &str) -> &Finding {
        let finding = self.finding(requirement);
        assert!(
            finding.mark == mark && finding.found.contains(words),
            "{}",
            self.text
        );
        finding
    }

    fn fix(&self, requirement: &str) -> String {
        self.finding(requirement)
            .fix
            .clone()
            .unwrap_or_else(|| panic!("no command: {}", self.text))
    }
}

fn the_check() -> Autora {
    Autora::for_taps().arg("check")
}

fn check(namespace: &Namespace) -> Check {
    Check::of(&the_check().arg(TAP).output(namespace))
}

/// A host with nothing to complain of: it forwards to a world of its own,
/// whose address is `2001:db8:77::1`.
struct Host {
    lab: Lab,
    world: Namespace,
}

const WORLD: &str = "2001:db8:77::1";

impl Host {
    fn new() -> Self {
        let lab = Lab::new();
        let world = lab.router.sibling();
        lab.router.run(&format!(
            "ip link add up0 type veth peer name w0 netns {pid}
             ip link set up0 up
             ip address add fe80::1/64 dev up0 nodad
             nsenter --target={pid} --net sh -ec '
               ip link set w0 up
               ip address add fe80::9/64 dev w0 nodad
               ip address add {WORLD}/128 dev lo nodad
               ip -6 route add default via fe80::1 dev w0'
             ip -6 route add default via fe80::9 dev up0
             echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
            pid = world.pid()
        ));
        lab.eventually("an uplink", SOON, |lab| {
            let ping = lab
                .router
                .try_run(&format!("ping -6 -c 1 -W 1 -I 2001:db8:1:1::1 {WORLD}"));
            ping.status.success()
        });
        Self { lab, world }
    }

    fn check(&self) -> Check {
        check(&self.lab.router)
    }

    fn nft(&self, rules: &str) {
        self.lab.router.run(&format!("nft -f - <<END\n{rules}\nEND"));
    }

    /// What these requirements warn of keeps the guest from the world, and
    /// their commands fix it.
    fn assert_mended(&self, check: &Check, requirements: &[&str]) {
        let _serving = self.lab.serve(&Autora::slow());
        assert!(!self.guest_reaches_the_world());
        for requirement in requirements {
            self.lab.router.run(&check.fix(requirement));
        }
        assert_eq!(self.check().marked('!'), [""; 0]);
        assert!(self.guest_reaches_the_world());
    }

    /// Whether the guest, that must have its address, gets an answer.
    fn guest_reaches_the_world(&self) -> bool {
        self.lab.eventually("an address", SOON, |lab| {
            lab.guest_address(PREFIX).is_some() && lab.default_route().is_some()
        });
        self.lab
            .guest
            .try_run(&format!("ping -6 -c 1 -W 1 {WORLD}"))
            .status
            .success()
    }
}
