//! `gaggle-supervisor`: see the library of this crate.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    gaggle_supervisor::main()
}
