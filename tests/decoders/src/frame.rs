//! Frames on the sockets between Gaggle's processes.
//!
//! Trust: none; any process at the other end may have been taken over.

use gaggle_ipc::codec::{Decode, Encode, decode, encode};

/// Whatever decodes must encode to the bytes it came from: one value, one form.
pub(crate) fn check<M: Decode<()> + Encode>(bytes: &[u8], limit: usize) {
    if let Ok(message) = decode::<M>(bytes, limit) {
        let again = encode(&message);
        assert_eq!(again.as_deref(), Ok(bytes), "a second form of the same message");
    }
}
