//! How long one look at an interface takes: everything that is read before each packet, and the verdict.
//!
//! `check NAME ROUNDS READINGS` prints for each round the microseconds that a reading took. tests/bench runs it
//! in namespaces of 10 to 4000 interfaces. It is a program and no harness, so that it can be.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use autora::kernel::rtnetlink::Reader;
use autora_core::eligibility::{Verdict, judge};
use autora_core::interface_name::IfName;

fn main() -> Result<(), Box<dyn Error>> {
    // cargo bench adds "--bench".
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [name, rounds, readings] = &arguments[..] else {
        println!("usage: check NAME ROUNDS READINGS (tests/bench/run.py runs it)");
        return Ok(());
    };
    let (rounds, readings): (u32, u32) = (rounds.parse()?, readings.parse()?);
    let ifindex = nix::net::if_::if_nametoindex(name.as_str())?;
    let mut reader = Reader::new(ifindex, IfName::new(name.as_bytes())?)?;
    for _ in 0..rounds {
        let begin = Instant::now();
        for _ in 0..readings {
            let link = reader.read().map_err(|error| error.to_string())?;
            match black_box(judge(link, false, None)) {
                Verdict::Advertise(..) => {}
                other => return Err(format!("{name} is not eligible: {other:?}").into()),
            }
        }
        println!("{:.3}", begin.elapsed().as_secs_f64() * 1e6 / f64::from(readings));
    }
    Ok(())
}
