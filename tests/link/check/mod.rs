//! `autora check`: its findings are right, and its commands fix them. Every
//! command is taken from its output and run unchanged.

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
pub struct Finding {
    mark: char,
    pub requirement: String,
    found: String,
    fix: Option<String>,
}

#[derive(Debug)]
pub struct Check {
    status: i32,
    pub text: String,
    pub findings: Vec<Finding>,
}

impl Check {
    pub fn of(output: &Output) -> Self {
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

    /// Exactly these crosses, and the matching exit status.
    pub fn assert_crosses(&self, crosses: &[&str]) {
        let status = i32::from(!crosses.is_empty());
        assert_eq!(
            (self.marked('x'), self.status),
            (crosses.to_vec(), status),
            "{}",
            self.text
        );
    }

    /// Exactly these crosses and warnings.
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

    /// The finding on `requirement`, which must have this mark and contain `words`.
    pub fn expect(&self, mark: char, requirement: &str, words: &str) -> &Finding {
        let finding = self.finding(requirement);
        assert!(
            finding.mark == mark && finding.found.contains(words),
            "{}",
            self.text
        );
        finding
    }

    pub fn fix(&self, requirement: &str) -> String {
        self.finding(requirement)
            .fix
            .clone()
            .unwrap_or_else(|| panic!("no command: {}", self.text))
    }
}

fn the_check() -> Autora {
    Autora::for_taps().arg("check")
}

pub fn check(namespace: &Namespace) -> Check {
    Check::of(&the_check().arg(TAP).output(namespace))
}

/// A host without faults. It forwards to a namespace that stands for the
/// Internet, whose address is `2001:db8:77::1`.
struct Host {
    lab: Lab,
    internet: Namespace,
}

const INTERNET: &str = "2001:db8:77::1";

impl Host {
    fn new() -> Self {
        let lab = Lab::new();
        let internet = lab.router.sibling();
        lab.router.run(&format!(
            "ip link add up0 type veth peer name w0 netns {pid}
             ip link set up0 up
             ip address add fe80::1/64 dev up0 nodad
             nsenter --target={pid} --net sh -ec '
               ip link set w0 up
               ip address add fe80::9/64 dev w0 nodad
               ip address add {INTERNET}/128 dev lo nodad
               ip -6 route add default via fe80::1 dev w0'
             ip -6 route add default via fe80::9 dev up0
             echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
            pid = internet.pid()
        ));
        lab.eventually("an uplink", SOON, |lab| {
            let ping = lab
                .router
                .try_run(&format!("ping -6 -c 1 -W 1 -I 2001:db8:1:1::1 {INTERNET}"));
            ping.status.success()
        });
        Self { lab, internet }
    }

    fn check(&self) -> Check {
        check(&self.lab.router)
    }

    fn nft(&self, rules: &str) {
        self.lab.router.run(&format!("nft -f - <<END\n{rules}\nEND"));
    }

    /// The faults that these warnings report cut the guest off from the Internet,
    /// and their commands fix that.
    fn assert_fixed(&self, check: &Check, requirements: &[&str]) {
        let _serving = self.lab.serve(&Autora::slow());
        assert!(!self.guest_reaches_the_internet());
        for requirement in requirements {
            self.lab.router.run(&check.fix(requirement));
        }
        assert_eq!(self.check().marked('!'), [""; 0]);
        assert!(self.guest_reaches_the_internet());
    }

    /// Waits until the guest has an address and a route; whether it gets an
    /// answer from the Internet.
    fn guest_reaches_the_internet(&self) -> bool {
        self.lab.eventually("an address", SOON, |lab| {
            lab.guest_address(PREFIX).is_some() && lab.default_route().is_some()
        });
        self.lab
            .guest
            .try_run(&format!("ping -6 -c 1 -W 1 {INTERNET}"))
            .status
            .success()
    }
}
