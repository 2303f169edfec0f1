//! `autora --dry-run` without an interface: what would be advertised on each.

use autora_core::eligibility::{Reason, judge};
use autora_core::interface_name::IfName;
use autora_core::other_senders::OtherSenders;
use autora_core::router::{Router, SentState};

use super::{CommandError, all_interfaces};
use crate::advice::explain;
use crate::config::Config;
use crate::kernel::clock;
use crate::kernel::rtnetlink::{ReadError, Reader};

/// A paragraph about each interface.
///
/// # Errors
/// When the interfaces cannot be listed.
pub fn report(config: &Config) -> Result<String, CommandError> {
    let paragraph = |(ifindex, name)| format!("{name}: {}\n", paragraph(config, ifindex, &name));
    Ok(all_interfaces()?.into_iter().map(paragraph).collect())
}

fn paragraph(config: &Config, ifindex: u32, name: &IfName) -> String {
    let now = clock::now();
    let pattern = &config.pattern;
    let matches = if pattern.matches(name) {
        format!("matches '{pattern}'")
    } else {
        format!("does not match '{pattern}'")
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
