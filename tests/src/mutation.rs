//! Packets that are nearly right, the same ones for the same seed.
//!
//! Trust: none is needed; bytes in, other bytes out.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

/// Most bytes that one change adds: enough to leave every limit of a request.
const MOST_ADDED: usize = 600;
/// Values at which decoders have their edges.
const EDGES: [u8; 8] = [0x00, 0x01, 0x02, 0x7f, 0x80, 0xfd, 0xfe, 0xff];

/// Makes mutations of known packets.
#[derive(Debug)]
pub struct Mutator {
    random: StdRng,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// Mutates `seeds`; `number` chooses the sequence.
    #[must_use]
    pub fn new(number: u64, seeds: Vec<Vec<u8>>) -> Self {
        Self { random: StdRng::seed_from_u64(number), seeds }
    }

    /// One more packet: a known one after a few changes, at times none at all.
    pub fn packet(&mut self) -> Vec<u8> {
        let mut packet = self.known();
        for _ in 0..self.random.random_range(0..4) {
            self.change(&mut packet);
        }
        packet
    }

    /// One of the known packets as it is.
    pub fn known(&mut self) -> Vec<u8> {
        self.seeds.choose(&mut self.random).cloned().unwrap_or_default()
    }

    fn change(&mut self, packet: &mut Vec<u8>) {
        let at = self.random.random_range(0..=packet.len());
        match self.random.random_range(0..6) {
            0 => packet.truncate(at),
            1 => {
                let mut tail = vec![0; self.random.random_range(1..=MOST_ADDED)];
                self.random.fill_bytes(&mut tail);
                packet.extend(tail);
            }
            2 => packet.insert(at, self.random.random()),
            3 => drop(packet.splice(at.., self.seeds.first().cloned().unwrap_or_default())),
            kind => {
                let edge = EDGES.choose(&mut self.random).copied();
                if let Some(byte) = packet.get_mut(at) {
                    *byte =
                        if kind == 4 { edge.unwrap_or_default() } else { *byte ^ 1 << (at % 8) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_differ_and_come_again_with_the_same_number() {
        let make = |number| -> Vec<_> {
            let mut mutator = Mutator::new(number, vec![b"seed".to_vec()]);
            (0..100).map(|_| mutator.packet()).collect()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).iter().any(|packet| packet == b"seed"), "unchanged ones are among them");
        assert!(make(1).iter().any(|packet| packet.len() > 512), "and long ones");
    }
}
