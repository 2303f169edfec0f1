//! The report on all interfaces: what would be advertised, and what not.

use crate::config::Config;
use crate::eligibility::{Reason, judge};
use crate::exit::Failure;
use crate::foreign::ForeignWatch;
use crate::ifname::IfName;
use crate::interfaces;
use crate::router::Router;
use crate::rtnetlink::{ReadError, Reader};
use crate::time::Instant;
use crate::transport::describe;

/// A paragraph about each interface.
///
/// # Errors
/// When the interfaces cannot be listed.
pub fn report(config: &Config) -> Result<String, Failure> {
    let paragraph = |(ifindex, name)| format!("{name}: {}\n", paragraph(config, ifindex, &name));
    Ok(interfaces::all()?.into_iter().map(paragraph).collect())
}

fn paragraph(config: &Config, ifindex: u32, name: &IfName) -> String {
    let now = Instant::now();
    let pattern = &config.pattern;
    let matches = if pattern.matches(name) {
        format!("matches '{pattern}'")
    } else {
        format!("does not match '{pattern}'")
    };
    let unreadable = |error: &str| {
        let reason = Reason::Unreadable(error.to_owned());
        format!("{matches}; not eligible: {}", reason.explain(name))
    };
    let link = match Reader::new(ifindex).map(|mut reader| reader.read().cloned()) {
        Ok(Ok(link)) => link,
        Ok(Err(ReadError::Gone)) => return "went away meanwhile".to_owned(),
        Ok(Err(error)) => return unreadable(&error.to_string()),
        Err(error) => return unreadable(&error.to_string()),
    };
    let yields = ForeignWatch::new(config.ra.max_interval(), None)
        .observe(now, link.foreign_ras)
        .is_some();
    let verdict = judge(&link, yields, None);
    let mut router = Router::new(
        config.ra.clone(),
        rand::make_rng::<rand::rngs::SmallRng>(),
        None,
        false,
    );
    match (router.advance(now, &verdict), verdict.reason()) {
        (Some(tx), _) => format!("{matches}; eligible\n    would send: {}", describe(&tx)),
        (None, Some(reason)) => format!("{matches}; not eligible: {}", reason.explain(name)),
        (None, None) => format!("{matches}; eligible"),
    }
}
