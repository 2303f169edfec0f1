//! `autora --dry-run` without an interface: what would be advertised on each.

use std::fmt::Write;
use std::time::Duration;

use autora_core::eligibility::{Reason, judge};
use autora_core::interface_name::IfName;
use autora_core::other_senders::OtherSenders;
use autora_core::router::{Router, SentState};

use super::{CommandError, all_interfaces};
use crate::advice::explain;
use crate::config::DurationOption;
use crate::config::instance::{ForAll, Given, InstanceSettings};
use crate::kernel::clock;
use crate::kernel::rtnetlink::{ReadError, Reader};

/// A paragraph about each interface, with the settings of the package's files for
/// it. The pattern, unless it is the default, and `durations` take precedence.
///
/// # Errors
/// When the interfaces cannot be listed, or the settings of all are refused.
pub fn report(pattern: &str, durations: &[(DurationOption, Duration)]) -> Result<String, CommandError> {
    let settings = ForAll::read(Given { pattern, durations });
    let (mut text, mut refused) = (String::new(), None);
    let mut is_any_in_order = false;
    for (ifindex, name) in all_interfaces()? {
        let paragraph = match settings.of(&name) {
            Ok(settings) => {
                is_any_in_order = true;
                paragraph(&settings, ifindex, &name)
            }
            Err(why) => {
                let what = format!("its settings are refused: {why}");
                refused = Some(why);
                what
            }
        };
        let _ = writeln!(text, "{name}: {paragraph}");
    }
    match refused {
        Some(why) if !is_any_in_order => Err(CommandError::Instances(why.to_string())),
        _ => Ok(text),
    }
}

fn paragraph(settings: &InstanceSettings, ifindex: u32, name: &IfName) -> String {
    let now = clock::now();
    let InstanceSettings { config, origin, .. } = settings;
    let pattern = &config.pattern;
    let matches = if pattern.matches(name) {
        format!("matches '{pattern}' ({origin})")
    } else {
        format!("does not match '{pattern}' ({origin})")
    };
    let unreadable = |error: &str| {
        let reason = Reason::Unreadable(error.to_owned());
        format!("{matches}; not eligible: {}", explain(&reason, name))
    };
    let link = match Reader::new(ifindex, *name).map(|mut reader| reader.read().cloned()) {
        Ok(Ok(link)) => link,
        Ok(Err(ReadError::Gone)) => return "it was deleted while it was read".to_owned(),
        Ok(Err(error)) => return unreadable(&error.to_string()),
        Err(error) => return unreadable(&error.to_string()),
    };
    let yields = OtherSenders::new(config.ra.max_interval(), None)
        .observe(now, link.foreign_ras)
        .is_some();
    let verdict = judge(&link, yields, None);
    let mut router = Router::new(
        config.ra.clone(),
        rand::make_rng::<rand::rngs::SmallRng>(),
        &SentState::default(),
    );
    match (router.advance(now, &verdict), verdict.reason()) {
        (Some(tx), _) => format!("{matches}; eligible\n    would send: {}", tx.ra),
        (None, Some(reason)) => format!("{matches}; not eligible: {}", explain(reason, name)),
        (None, None) => format!("{matches}; eligible"),
    }
}
