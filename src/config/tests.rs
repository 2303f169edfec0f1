//! The bounds of each value.

use super::*;

/// The defaults, with a pattern for taps.
fn settings() -> Settings {
    Settings {
        interface_regex: "^tap-vm-[0-9]+$".to_owned(),
        durations: Durations {
            min_ra_interval: Duration::from_secs(20),
            max_ra_interval: Duration::from_secs(60),
            router_lifetime: Duration::from_secs(180),
            pio_valid_lifetime: Duration::from_secs(86_400),
            pio_preferred_lifetime: Duration::from_secs(14_400),
            forwarding_resync_interval: Duration::from_secs(60),
            heartbeat_interval: Duration::from_secs(3600),
        },
    }
}

fn refused(change: impl FnOnce(&mut Settings)) -> Option<String> {
    let mut given = settings();
    change(&mut given);
    Config::try_from(&given).err().map(|error| error.to_string())
}

#[test]
fn the_defaults_are_accepted() {
    let config = Config::try_from(&settings()).unwrap();
    assert_eq!(config.ra.router_lifetime(), 180);
    assert_eq!(config.ra.valid().to_bits(), 86_400);
}

#[test]
fn each_bound_is_inclusive_and_exact() {
    type Change = Box<dyn FnOnce(&mut Settings)>;
    fn max(g: &mut Settings, d: Duration) {
        g.durations.max_ra_interval = d;
        g.durations.min_ra_interval = Duration::from_secs(3);
        g.durations.router_lifetime = Duration::from_secs(1800);
    }
    let ms = Duration::from_millis;
    let s = Duration::from_secs;
    let set = |f: fn(&mut Settings, Duration), d: Duration| -> Change { Box::new(move |g| f(g, d)) };
    let cases: Vec<(Change, Option<&str>)> = vec![
        (set(max, ms(3999)), Some("--max-ra-interval")),
        (set(max, s(4)), None),
        (set(max, s(1800)), None),
        (set(max, ms(1_800_001)), Some("--max-ra-interval")),
        (
            set(|g, d| g.durations.min_ra_interval = d, ms(2999)),
            Some("--min-ra-interval"),
        ),
        (set(|g, d| g.durations.min_ra_interval = d, s(3)), None),
        (set(|g, d| g.durations.min_ra_interval = d, s(45)), None),
        (
            set(|g, d| g.durations.min_ra_interval = d, ms(45_001)),
            Some("--min-ra-interval"),
        ),
        (set(|g, d| g.durations.router_lifetime = d, s(0)), None),
        (
            set(|g, d| g.durations.router_lifetime = d, s(59)),
            Some("--router-lifetime"),
        ),
        (set(|g, d| g.durations.router_lifetime = d, s(60)), None),
        (set(|g, d| g.durations.router_lifetime = d, s(65_535)), None),
        (
            set(|g, d| g.durations.router_lifetime = d, s(65_536)),
            Some("--router-lifetime"),
        ),
        (
            set(|g, d| g.durations.router_lifetime = d, ms(60_500)),
            Some("whole number"),
        ),
        (
            set(|g, d| g.durations.pio_preferred_lifetime = d, s(86_400)),
            None,
        ),
        (
            set(|g, d| g.durations.pio_preferred_lifetime = d, s(86_401)),
            Some("--pio-preferred-lifetime"),
        ),
        (
            set(|g, d| g.durations.pio_preferred_lifetime = d, ms(500)),
            Some("whole number"),
        ),
        (
            set(|g, d| g.durations.pio_valid_lifetime = d, s(4_294_967_295)),
            None,
        ),
        (
            set(|g, d| g.durations.pio_valid_lifetime = d, s(4_294_967_296)),
            Some("--pio-valid-lifetime"),
        ),
        (
            set(|g, d| g.durations.forwarding_resync_interval = d, ms(999)),
            Some("--forwarding-resync"),
        ),
        (
            set(|g, d| g.durations.forwarding_resync_interval = d, Duration::MAX),
            Some("--forwarding-resync"),
        ),
        (set(|g, d| g.durations.heartbeat_interval = d, s(0)), None),
        (set(max, Duration::MAX), Some("--max-ra-interval")),
    ];
    for (i, (change, expected)) in cases.into_iter().enumerate() {
        let message = refused(change);
        match expected {
            None => assert_eq!(message, None, "case {i}"),
            Some(part) => {
                let message = message.unwrap_or_default();
                assert!(
                    message.contains(part) && !message.contains('\n'),
                    "case {i}: {message}"
                );
            }
        }
    }
}

#[test]
fn every_duration_but_the_heartbeat_has_a_bound() {
    for (i, (option, _)) in settings().durations.by_option().into_iter().enumerate() {
        let message = refused(|given| *given.durations.by_option()[i].1 = Duration::MAX);
        let named = message.is_some_and(|message| message.starts_with(&option.to_string()));
        assert_eq!(named, option != durations::HEARTBEAT_INTERVAL, "{option}");
    }
}

#[test]
fn an_error_names_option_variable_value_bound_and_rule() {
    let message = refused(|g| g.durations.router_lifetime = Duration::from_secs(30)).unwrap();
    assert_eq!(
        message,
        "--router-lifetime (AUTORA_ROUTER_LIFETIME) is 30s: it must be 0s, or from 60s, which \
         is --max-ra-interval, to 65535s (RFC 4861, 6.2.1; RFC 8319, 4)"
    );
}

#[test]
fn the_pattern_is_checked_too() {
    let message = refused(|g| g.interface_regex = "(".to_owned()).unwrap();
    assert!(
        message.starts_with("--interface-regex (AUTORA_INTERFACE_REGEX) is \"(\": "),
        "{message}"
    );
}
