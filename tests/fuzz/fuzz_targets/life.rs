//! A life in simulated time (`tests/sim`) breaks no rule, whatever its troubles:
//! coverage leads the search to states that few seeds reach.

#![no_main]

#[allow(dead_code)]
#[path = "../../sim/guest/mod.rs"]
mod guest;
// The tests read the rest of what a life ends with.
#[allow(dead_code)]
#[path = "../../sim/life.rs"]
mod life;
#[path = "../../sim/outside.rs"]
mod outside;
#[allow(dead_code)]
#[path = "../../sim/script.rs"]
mod script;
#[path = "../../sim/world/mod.rs"]
mod world;

use life::{Options, live};
use script::Script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let script = Script::from_bytes(bytes);
    if let Some(rule) = live(&script, Options::default()).broken {
        panic!("{rule}: AUTORA_LIFE={script} cargo test --test sim -- --nocapture");
    }
});
