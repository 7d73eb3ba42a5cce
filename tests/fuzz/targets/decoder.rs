//! One program for all decoders: `GAGGLE_FUZZ_TARGET` names the one to drive.
#![no_main]

use std::sync::LazyLock;

use gaggle_tests::decoders::{Target, target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("GAGGLE_FUZZ_TARGET").expect("set GAGGLE_FUZZ_TARGET");
    target(&name).expect("no such target; they are listed in tests/src/decoders.rs")
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
