//! A typed end of a session socket for tokio.
//!
//! Trust: as [`session`](crate::session). Receiving refuses descriptors,
//! oversize and malformed frames, and each refusal ends the session.

use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::codec::{self, Decode, Encode, FrameError, MAX_FRAME};
use crate::seqpacket;
use crate::session::{FromWorker, ToWorker};

/// The frontend's end.
pub type FrontendEnd = Channel<ToWorker, FromWorker>;
/// The worker's end.
pub type WorkerEnd = Channel<FromWorker, ToWorker>;

/// An end that sends `Out` and receives `In`; both at once from two tasks.
#[derive(Debug)]
pub struct Channel<Out, In> {
    socket: UnixStream,
    words: PhantomData<fn(Out) -> In>,
}

/// Why a channel is of no use any more.
#[derive(Debug)]
pub enum ChannelError {
    /// The peer sent what is no message.
    Frame(FrameError),
    /// The system said so.
    Io(io::Error),
}

impl std::fmt::Display for ChannelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(error) => write!(f, "peer broke the protocol: {error}"),
            Self::Io(error) => write!(f, "socket: {error}"),
        }
    }
}

impl std::error::Error for ChannelError {}

impl<Out: Encode, In: Decode<()>> Channel<Out, In> {
    /// Wraps a connected, non-blocking `SOCK_SEQPACKET` socket. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        // Tokio's stream serves as the readiness of the descriptor only; every
        // packet goes through `seqpacket`.
        let socket = UnixStream::from_std(socket.into())?;
        Ok(Self { socket, words: PhantomData })
    }

    /// The next message; `None` when the peer is gone. Safe to cancel.
    ///
    /// # Errors
    /// [`ChannelError`]; the channel is of no use afterwards.
    pub async fn receive(&self) -> Result<Option<In>, ChannelError> {
        let packet = self
            .socket
            .async_io(Interest::READABLE, || {
                seqpacket::receive(&self.socket, MAX_FRAME).map_err(io::Error::from)
            })
            .await;
        match packet {
            Ok(packet) if packet.is_end() => Ok(None),
            Ok(packet) if packet.truncated => Err(ChannelError::Frame(FrameError::TooLong)),
            Ok(packet) => {
                codec::decode(&packet.bytes, MAX_FRAME).map(Some).map_err(ChannelError::Frame)
            }
            Err(error) if error.raw_os_error() == Some(Errno::ECONNRESET as i32) => Ok(None),
            Err(error) => Err(ChannelError::Io(error)),
        }
    }

    /// Sends one message, waiting for room. Safe to cancel: then nothing was sent.
    ///
    /// # Errors
    /// [`ChannelError`]; `EPIPE` or `ECONNRESET` when the peer is gone.
    pub async fn send(&self, message: &Out) -> Result<(), ChannelError> {
        let frame = codec::encode(message).map_err(ChannelError::Frame)?;
        self.socket
            .async_io(Interest::WRITABLE, || {
                seqpacket::send(&self.socket, &frame, None).map_err(io::Error::from)
            })
            .await
            .map_err(ChannelError::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ThreadId, TurnId};

    #[tokio::test]
    async fn more_messages_than_the_queue_holds_arrive_in_order() {
        let (left, right) = seqpacket::pair().unwrap();
        let frontend = FrontendEnd::new(left).unwrap();
        let worker = WorkerEnd::new(right).unwrap();
        let thread = ThreadId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap();
        let send = async {
            for turn in 0..2000 {
                frontend.send(&ToWorker::Cancel { thread, turn: TurnId(turn) }).await.unwrap();
            }
        };
        let receive = async {
            for turn in 0..2000 {
                let got = worker.receive().await.unwrap();
                assert_eq!(got, Some(ToWorker::Cancel { thread, turn: TurnId(turn) }));
            }
        };
        tokio::join!(send, receive);
        drop(frontend);
        assert!(worker.receive().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn garbage_is_an_error_and_not_a_message() {
        let (left, right) = seqpacket::pair().unwrap();
        let worker = WorkerEnd::new(right).unwrap();
        seqpacket::send(&left, &[codec::VERSION, 0xff, 1, 2], None).unwrap();
        assert!(matches!(worker.receive().await, Err(ChannelError::Frame(FrameError::Malformed))));
    }
}
