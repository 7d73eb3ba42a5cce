//! Replays the corpus of every decoder, and neighbours of each input: the same
//! bytes cut short, with single bytes changed, doubled. Found crashes are added
//! to the corpus and so stay found.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use gaggle_decoders::TARGETS;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders/corpus").join(name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// Inputs near `seed`, the same ones every time.
fn neighbours(seed: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![seed.to_vec(), [seed, seed].concat()];
    for at in 0..seed.len().min(400) {
        all.push(seed[..at].to_vec());
        for byte in [0x00, 0x01, 0x7f, 0x80, 0xff, b'"', b'\n', seed[at] ^ 0x20] {
            let mut changed = seed.to_vec();
            changed[at] = byte;
            all.push(changed);
        }
    }
    all
}

#[test]
fn every_decoder_has_a_corpus_and_every_corpus_its_decoder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders/corpus");
    let entries = std::fs::read_dir(&folder).unwrap();
    let folders: BTreeSet<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let targets = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(folders, targets);
}

#[test]
fn no_input_of_the_corpus_and_none_near_it_breaks_a_decoder() {
    for target in TARGETS {
        let seeds = corpus(target.name);
        assert!(!seeds.is_empty(), "{} has no corpus", target.name);
        for seed in seeds {
            for input in neighbours(&seed) {
                (target.run)(&input);
            }
        }
    }
}
