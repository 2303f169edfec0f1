//! The report on all interfaces: what would be advertised, and what not.

use std::io::{self, Write};

use nix::net::if_::if_nameindex;

use crate::config::Config;
use crate::daemon::FOREIGN_SILENCE;
use crate::eligibility::{Reason, judge};
use crate::exit::Failure;
use crate::foreign::ForeignWatch;
use crate::ifname::IfName;
use crate::router::Router;
use crate::rtnetlink::{ReadError, Reader};
use crate::time::Instant;
use crate::transport::describe;

/// The interfaces of this network namespace, by index.
///
/// # Errors
/// When they cannot be listed.
pub fn interfaces() -> Result<Vec<(u32, IfName)>, Failure> {
    let list = if_nameindex().map_err(|error| Failure::os("cannot list the interfaces", error))?;
    Ok(list
        .iter()
        .filter_map(|interface| Some((interface.index(), IfName::new(interface.name().to_bytes()).ok()?)))
        .collect())
}

/// Writes a paragraph about each interface.
///
/// # Errors
/// When the interfaces cannot be listed, or `out` fails.
pub fn report(config: &Config, out: &mut impl Write) -> Result<(), Failure> {
    for (ifindex, name) in interfaces()? {
        let text = paragraph(config, ifindex, &name);
        match writeln!(out, "{name}: {text}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result.map_err(|error| Failure::os("cannot write the report", error))?,
        }
    }
    Ok(())
}

fn paragraph(config: &Config, ifindex: u32, name: &IfName) -> String {
    let now = Instant::now();
    let pattern = &config.pattern;
    let matches = if pattern.matches(name) {
        format!("matches '{pattern}'")
    } else {
        format!("does not match '{pattern}'")
    };
    let link = match Reader::new(ifindex).map(|mut reader| reader.read().cloned()) {
        Ok(Ok(link)) => link,
        Ok(Err(ReadError::Gone)) => return "went away meanwhile".to_owned(),
        Ok(Err(error)) => {
            return format!(
                "{matches}; not eligible: {}",
                unreadable(name, &error.to_string())
            );
        }
        Err(error) => {
            return format!(
                "{matches}; not eligible: {}",
                unreadable(name, &error.to_string())
            );
        }
    };
    let silence = config.ra.max_interval() * FOREIGN_SILENCE;
    let yields = ForeignWatch::new(silence, None)
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

fn unreadable(name: &IfName, error: &str) -> String {
    Reason::Unreadable(error.to_owned()).explain(name).to_string()
}
