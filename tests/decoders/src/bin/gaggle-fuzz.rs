//! One program for all decoders: `GAGGLE_FUZZ_TARGET` names the one to drive.
//!
//! Trust: whoever starts it names a target; the bytes come from libFuzzer.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use gaggle_decoders::{Target, target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("GAGGLE_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = target(&name) else {
        eprintln!("GAGGLE_FUZZ_TARGET={name:?} names no target of gaggle-decoders");
        std::process::exit(64);
    };
    target
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
