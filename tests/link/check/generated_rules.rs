//! Rules that nobody chose: what is said for certain is what the kernel does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Check, the_check};
use crate::harness::namespace::Namespace;
use crate::harness::{Agent, Rs, SOON};

/// Links, and with them rules, that are judged at once.
const LINKS: usize = 100;
const ROUNDS: u64 = 16;

/// Expressions, and values for each. Some hold of an advertisement, some do
/// not, and some depend on what only the kernel knows.
const MATCHES: [(&str, &[&str]); 34] = [
    (
        "icmpv6 type",
        &[
            "134",
            "133",
            "130-140",
            "!= 134",
            "{ 133, 134 }",
            "@kinds",
            "@ranges",
            "< 134",
            "{ 134 limit rate 1/second, 135 }",
            "!= { 1-133 }",
        ],
    ),
    (
        "icmpv6 type",
        &[
            "& 0xfe == 134",
            "{ 134 comment \"one\", 135 }",
            "{ 134 counter, 135 counter }",
            ">= 134",
            "!= @kinds",
        ],
    ),
    ("icmpv6 code", &["0", "1", "> 0"]),
    ("icmpv6 checksum", &["0", "!= 0"]),
    ("icmpv6 id", &["0", "!= 5"]),
    ("icmpv6 mtu", &["0", "!= 1500"]),
    ("icmpv6 max-delay", &["0", "!= 0"]),
    ("ip6 hoplimit", &["255", "64", "< 255", "!= 1", "{ 1, 255 }"]),
    ("ip6 version", &["6", "!= 6"]),
    ("ip6 nexthdr", &["icmpv6", "tcp", "!= tcp", "{ tcp, icmpv6 }"]),
    ("ip6 length", &["> 0", "8", "16", "24"]),
    ("ip6 dscp", &["0", "cs1"]),
    ("ip6 flowlabel", &["0", "!= 0"]),
    (
        "ip6 daddr",
        &[
            "ff02::1",
            "ff02::2",
            "ff02::/16",
            "!= ff00::/8",
            "ff02::-ff02::f",
            "@hosts",
            "{ fe80::/10, ff02::1 }",
        ],
    ),
    (
        "ip6 saddr",
        &["fe80::/10", "fe80::1", "!= fe80::/64", "@hosts", "::", "> fe80::"],
    ),
    ("meta l4proto", &["icmpv6", "tcp", "!= tcp", "{ 6, 58 }", "> 57"]),
    (
        "meta protocol",
        &["ip", "ip6", "!= ip", "{ ip, ip6 }", "!= { arp, ip6 }"],
    ),
    ("meta length", &["> 5", "< 10"]),
    ("meta mark", &["0", "!= 0", "5"]),
    ("meta priority", &["0:0", "none"]),
    (
        "meta iifname",
        &["lo", "!= lo", "\"tap*\"", "{ lo, eth0 }", "!= { lo, eth0 }"],
    ),
    (
        "meta oifname",
        &[
            "lo",
            "!= lo",
            "\"tap*\"",
            "\"tap\\*\"",
            "{ lo, \"tap-*\" }",
            "!= \"tap-vm*\"",
        ],
    ),
    ("meta iif", &["lo", "!= lo"]),
    ("meta oif", &["lo", "!= lo"]),
    ("meta iifgroup", &["0", "!= 0"]),
    ("meta oiftype", &["ether", "loopback"]),
    ("meta pkttype", &["host", "multicast", "!= host"]),
    ("meta skuid", &["0", "!= 0"]),
    ("meta cpu", &["0", "1"]),
    ("ether type", &["ip6", "ip", "!= ip6"]),
    ("ether daddr", &["33:33:00:00:00:01", "!= 33:33:00:00:00:01"]),
    ("tcp dport", &["22", "!= 22", "{ 22, 80 }"]),
    ("th dport", &["22", "!= 22"]),
    ("ip saddr", &["192.0.2.1", "!= 192.0.2.0/24"]),
];

/// Whole matches and other statements that do not end a rule.
const STATEMENTS: [&str; 36] = [
    "counter",
    "counter name \"named\"",
    "log prefix \"x \"",
    "limit rate 1/second",
    "limit rate over 1/second",
    "limit rate over 1000/second",
    "limit name \"slow\"",
    "quota 1 bytes",
    "quota over 1 bytes",
    "quota name \"little\"",
    "add @flood { ip6 saddr limit rate over 1000/second }",
    "add @flood { ip6 saddr limit rate 1000/second }",
    "update @seen { ip6 saddr }",
    "add @seen { ip6 daddr }",
    "add @seen { ip6 daddr counter }",
    "meta mark set 5",
    "meta mark set meta mark or 1",
    "meta nftrace set 1",
    "meta priority set 1:2",
    "numgen random mod 2 0",
    "numgen inc mod 2 1",
    "jhash ip6 saddr mod 2 0",
    "symhash mod 2 0",
    "exthdr hbh exists",
    "exthdr frag missing",
    "@th,0,8 134",
    "@nh,48,8 58",
    "@nh,48,8 != 58",
    "@ll,0,16 0x3333",
    "udp dport 547",
    "udp dport != 547",
    "icmp type 8",
    "vlan id != 5",
    "arp operation 1",
    "icmpv6 type . ip6 hoplimit { 134 . 255, 1 . 1 }",
    "tcp dport . ip6 hoplimit != { 22 . 5 }",
];

const ENDS: [&str; 22] = [
    "drop",
    "drop",
    "drop",
    "accept",
    "accept",
    "return",
    "continue",
    "jump drops",
    "jump accepts",
    "jump returns",
    "jump unsure",
    "goto drops",
    "goto accepts",
    "goto returns",
    "goto unsure",
    "icmpv6 type vmap { 134 : drop, 133 : accept }",
    "icmpv6 type vmap { 134 : jump unsure, 135 : drop }",
    "icmpv6 type vmap { 1-133 : drop, 134 : accept }",
    "icmpv6 type vmap @verdicts",
    "numgen random mod 2 vmap { 0 : drop, 1 : accept }",
    "meta mark vmap { 0 : drop, 5 : accept }",
    "icmpv6 type . ip6 hoplimit vmap { 134 . 255 : drop, 134 . 1 : accept }",
];

const OTHERS: &str = "
  set kinds { type icmpv6_type; elements = { 134 } }
  set ranges { type icmpv6_type; flags interval; elements = { 1-133 } }
  set hosts { type ipv6_addr; flags interval; elements = { fe80::/10, ff02::1 } }
  set flood { type ipv6_addr; flags dynamic; size 100; timeout 1m; }
  set seen { type ipv6_addr; flags dynamic; size 1; timeout 1m; }
  map verdicts { type icmpv6_type : verdict; elements = { 134 : drop } }
  counter named { }
  quota little { over 1 bytes }
  limit slow { rate 1/second }
  chain drops { icmpv6 type 134 drop\n }
  chain accepts { accept\n }
  chain returns { icmpv6 type 134 return\n drop\n }
  chain unsure { limit rate over 1000/second drop\n meta mark 0 accept\n }";

struct Generator(SmallRng);

impl Generator {
    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.0.random_range(0..choices.len())]
    }

    fn rule(&mut self) -> String {
        let mut rule = String::new();
        for _ in 0..self.0.random_range(0..3) {
            if self.0.random_bool(0.6) {
                let (left, values) = MATCHES[self.0.random_range(0..MATCHES.len())];
                let _ = write!(rule, "{left} {} ", self.one_of(values));
            } else {
                let _ = write!(rule, "{} ", self.one_of(&STATEMENTS));
            }
        }
        rule + self.one_of(&ENDS)
    }

    /// A chain of one to three rules.
    fn rules(&mut self) -> Vec<String> {
        (0..self.0.random_range(1..4)).map(|_| self.rule()).collect()
    }
}

/// Installs a chain of these rules on each link; returns them without those that nft or the kernel refuses.
fn install(router: &Namespace, mut chains: Vec<Vec<String>>) -> Vec<Vec<String>> {
    loop {
        let mut lines = vec!["flush ruleset".to_owned(), "table netdev guard {".to_owned()];
        lines.extend(OTHERS.lines().map(str::to_owned));
        let mut places = BTreeMap::new();
        for (i, rules) in chains.iter().enumerate() {
            let policy = if i % 3 == 0 { "drop" } else { "accept" };
            lines.push(format!("chain c{i} {{"));
            lines.push(format!(
                "type filter hook egress device tap-vm-{i} priority 0; policy {policy};"
            ));
            for (j, rule) in rules.iter().enumerate() {
                lines.push(rule.clone());
                places.insert(lines.len(), (i, j));
            }
            lines.push("}".to_owned());
        }
        lines.push("}".to_owned());
        let output = router.try_run(&format!("nft -f - <<'END'\n{}\nEND", lines.join("\n")));
        if output.status.success() {
            return chains;
        }
        let stderr = String::from_utf8(output.stderr).unwrap();
        let refused = stderr.lines().filter_map(|line| {
            let number = line.strip_prefix("/dev/stdin:")?.split(':').next()?;
            places.get(&number.parse().unwrap())
        });
        let refused: BTreeSet<_> = refused.collect();
        assert!(!refused.is_empty(), "{stderr}");
        // The last one first, so that the others stay where they are.
        for &&(i, j) in refused.iter().rev() {
            chains[i].remove(j);
        }
    }
}

/// The advertisements that each guest's kernel has counted.
fn received(guest: &Namespace) -> BTreeMap<usize, u64> {
    let text = guest.run("grep -H Icmp6InType134 /proc/net/dev_snmp6/g* || true");
    text.lines()
        .map(|line| {
            let (file, count) = line.split_once(":Icmp6InType134").unwrap();
            (
                file.rsplit_once('g').unwrap().1.parse().unwrap(),
                count.trim().parse().unwrap(),
            )
        })
        .collect()
}

#[test]
fn nothing_is_certain_that_the_kernel_does_otherwise() {
    let router = Namespace::new();
    let guest = router.sibling();
    guest.run("cd /proc/sys/net/ipv6/conf/default; echo 0 >accept_dad; echo 0 >accept_ra; echo 0 >router_solicitations");
    router.run(&format!(
        "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
         for i in $(seq 0 {}); do
           echo link add tap-vm-$i type veth peer name g$i netns {pid}; echo link set tap-vm-$i up
         done | ip -batch -
         nsenter --target={pid} --net sh -c 'for i in $(seq 0 {}); do echo link set g$i up; done | ip -batch -'",
        LINKS - 1,
        LINKS - 1,
        pid = guest.pid()
    ));
    let mut agent = Agent::start(&router, "tap-vm-");
    let frame = Rs {
        kind: 134,
        destination: "ff02::1".parse().unwrap(),
        reserved: [64, 0, 0, 0],
        options: vec![0; 8],
        ..Rs::default()
    }
    .frame();
    // Until all links carry what is sent.
    let deadline = std::time::Instant::now() + SOON;
    loop {
        agent.send_on_each(&frame);
        if received(&guest).len() == LINKS {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "all links are up");
    }

    let (mut certain, mut rules_seen, mut wrong) = ([0, 0], 0, Vec::new());
    for seed in 0..ROUNDS {
        let mut generator = Generator(SmallRng::seed_from_u64(seed));
        let chains: Vec<_> = (0..LINKS).map(|_| generator.rules()).collect();
        let chains = install(&router, chains);
        let mut command = the_check();
        for i in 0..LINKS {
            command = command.arg(&format!("tap-vm-{i}"));
        }
        let check = Check::of(&command.output(&router));
        let said: Vec<_> = check
            .findings
            .iter()
            .filter(|finding| finding.requirement == "RA out")
            .collect();
        assert_eq!(said.len(), LINKS, "{}", check.text);

        let before = received(&guest);
        agent.send_on_each(&frame);
        let after = received(&guest);
        for (i, rules) in chains.iter().enumerate() {
            rules_seen += rules.len();
            let arrived = after[&i] > before[&i];
            match said[i].mark {
                '!' => {}
                mark => {
                    certain[usize::from(arrived)] += 1;
                    if mark != if arrived { '+' } else { 'x' } {
                        wrong.push(format!(
                            "seed {seed}, link {i}: {:?} although arrived is {arrived}: {rules:#?}",
                            said[i]
                        ));
                    }
                }
            }
        }
    }
    println!("{rules_seen} rules; certainly dropped and passed: {certain:?}");
    assert!(
        wrong.is_empty(),
        "{} false certainties:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        rules_seen >= 2_000 && certain.iter().all(|count| *count > 100),
        "{rules_seen} {certain:?}"
    );
}
