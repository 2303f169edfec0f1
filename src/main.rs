//! autora: IPv6 Router Advertisements for one routed /64 per guest interface.
fn main() {}
