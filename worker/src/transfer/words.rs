//! What worker and transfer say to each other over pipes: a length, then a frame.
//!
//! Trust: the worker, which started this process. Its end is the end.

use std::io::{self, Read, Write};

use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::files::{FileNews, FileOrder, FileRefusal};

/// Both directions.
pub(super) struct Words {
    input: Box<dyn Read>,
    output: Box<dyn Write>,
}

impl Words {
    pub(super) fn of_stdio() -> Self {
        // Unbuffered by frame: each is written and flushed as one.
        Self { input: Box::new(io::stdin().lock()), output: Box::new(io::stdout().lock()) }
    }

    /// Words that were all said before, and what answers them.
    #[cfg(test)]
    pub(super) fn over(orders: &[FileOrder]) -> (Self, std::sync::mpsc::Receiver<FileNews>) {
        let mut input = Vec::new();
        for order in orders {
            let frame = codec::encode(order).unwrap();
            input.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
            input.extend(frame);
        }
        let (news, heard) = std::sync::mpsc::channel();
        let output = Box::new(Heard { news, bytes: Vec::new() });
        (Self { input: Box::new(io::Cursor::new(input)), output }, heard)
    }

    /// The next order.
    ///
    /// # Errors
    /// [`FileRefusal::Stopped`] when there is none, also when the worker is gone.
    pub(super) fn hear(&mut self) -> Result<FileOrder, FileRefusal> {
        self.frame().ok().flatten().ok_or(FileRefusal::Stopped)
    }

    fn frame(&mut self) -> io::Result<Option<FileOrder>> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let Some(length) =
            usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= MAX_FRAME)
        else {
            return Ok(None);
        };
        let mut frame = vec![0; length];
        self.input.read_exact(&mut frame)?;
        Ok(codec::decode(&frame, MAX_FRAME).ok())
    }

    /// Says something; waits until there is room for it.
    ///
    /// # Errors
    /// [`FileRefusal::Stopped`] when nobody listens.
    pub(super) fn say(&mut self, news: &FileNews) -> Result<(), FileRefusal> {
        let frame = codec::encode(news).map_err(|_| FileRefusal::BadName)?;
        let length = u32::try_from(frame.len()).map_err(|_| FileRefusal::BadName)?;
        let said = self.output.write_all(&length.to_le_bytes());
        let said = said.and_then(|()| self.output.write_all(&frame));
        said.and_then(|()| self.output.flush()).map_err(|_| FileRefusal::Stopped)
    }
}

#[cfg(test)]
struct Heard {
    news: std::sync::mpsc::Sender<FileNews>,
    bytes: Vec<u8>,
}

#[cfg(test)]
impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.bytes);
        let _ = self.news.send(codec::decode(&frame[4..], MAX_FRAME).unwrap());
        Ok(())
    }
}
