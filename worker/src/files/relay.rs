//! One file on its way, from its order to its last news.
//!
//! Trust: what passes in either direction is counted: nobody can make this process
//! keep more than a window of a file.

use std::rc::Rc;
use std::time::Duration;

use gaggle_ipc::files::{FileNews, FileOrder, FileRefusal, MAX_LISTED, WINDOW};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::pipe::Pipe;
use super::{Key, tell};
use crate::stage::Shared;

/// How long the frontend may leave a file that it has begun.
const ABANDONED: Duration = Duration::from_secs(600);

type Orders = mpsc::Receiver<FileOrder>;

/// Sees `order` through.
pub(super) async fn run(shared: Rc<Shared>, key: Key, order: FileOrder, mut orders: Orders) {
    let last = serve(&shared, key, order, &mut orders).await;
    // Closed first: whoever hears the last word may begin the next.
    drop(orders);
    tell(&shared, key, last.unwrap_or_else(FileNews::Refused));
}

async fn serve(
    shared: &Shared,
    key: Key,
    order: FileOrder,
    orders: &mut Orders,
) -> Result<FileNews, FileRefusal> {
    let turn = tokio::select! {
        turn = shared.transfers.acquire() => turn,
        why = stopped(orders) => return Err(why),
    };
    let _turn = turn.map_err(|_| FileRefusal::Busy)?;
    let mut pipe = Pipe::open(shared, key.thread)?;
    let last = match pipe.say(&order).await {
        Ok(()) => match order {
            FileOrder::Store { .. } => store(shared, key, &mut pipe, orders).await,
            FileOrder::Read { .. } => read(shared, key, &mut pipe, orders).await,
            _ => list(shared, key, &mut pipe, orders).await,
        },
        Err(why) => Err(why),
    };
    pipe.close().await;
    last
}

/// Only a stop may come before there is room for anything.
async fn stopped(orders: &mut Orders) -> FileRefusal {
    while let Some(order) = orders.recv().await {
        if order == FileOrder::Stop {
            break;
        }
    }
    FileRefusal::Stopped
}

/// Pieces go in as they come; there is room for more once they are written.
async fn store(
    shared: &Shared,
    key: Key,
    pipe: &mut Pipe,
    orders: &mut Orders,
) -> Result<FileNews, FileRefusal> {
    let mut given: u64 = 0;
    let mut taken: u64 = 0;
    loop {
        // One that has room for all it may be sent owes nothing.
        let owes = given < taken + u64::from(WINDOW);
        tokio::select! {
            news = pipe.hear_if(owes) => match news? {
                FileNews::Room { chunks } => {
                    given += u64::from(chunks);
                    if given > taken + u64::from(WINDOW) {
                        return Err(FileRefusal::Sandbox);
                    }
                    tell(shared, key, FileNews::Room { chunks });
                }
                last if last.is_last() => return Ok(last),
                _ => return Err(FileRefusal::Sandbox),
            },
            order = orders.recv() => match order {
                Some(order @ FileOrder::Bytes(_)) => {
                    taken += 1;
                    pipe.say(&order).await?;
                }
                Some(FileOrder::Whole) => {
                    pipe.say(&FileOrder::Whole).await?;
                    return last_of(pipe).await;
                }
                _ => return Err(FileRefusal::Stopped),
            },
            () = sleep(ABANDONED) => return Err(FileRefusal::Stopped),
        }
    }
}

/// What follows a file's end, beside room that nobody needs any more.
async fn last_of(pipe: &mut Pipe) -> Result<FileNews, FileRefusal> {
    loop {
        match pipe.hear().await? {
            FileNews::Room { .. } => {}
            last if last.is_last() => return Ok(last),
            _ => return Err(FileRefusal::Sandbox),
        }
    }
}

/// Pieces come out as far as the frontend has room for them.
async fn read(
    shared: &Shared,
    key: Key,
    pipe: &mut Pipe,
    orders: &mut Orders,
) -> Result<FileNews, FileRefusal> {
    let mut room: u16 = 0;
    let mut opened = false;
    loop {
        tokio::select! {
            news = pipe.hear(), if room > 0 || !opened => match news? {
                news @ FileNews::Opened { .. } if !opened => {
                    opened = true;
                    tell(shared, key, news);
                }
                news @ FileNews::Bytes(_) if room > 0 => {
                    room -= 1;
                    tell(shared, key, news);
                }
                last if last.is_last() => return Ok(last),
                _ => return Err(FileRefusal::Sandbox),
            },
            order = orders.recv() => match order {
                Some(FileOrder::Room { chunks }) => {
                    room = room.saturating_add(chunks).min(2 * WINDOW);
                }
                _ => return Err(FileRefusal::Stopped),
            },
            () = sleep(ABANDONED) => return Err(FileRefusal::Stopped),
        }
    }
}

async fn list(
    shared: &Shared,
    key: Key,
    pipe: &mut Pipe,
    orders: &mut Orders,
) -> Result<FileNews, FileRefusal> {
    let mut named = 0;
    loop {
        tokio::select! {
            news = pipe.hear() => match news? {
                news @ (FileNews::Offered { .. } | FileNews::Unfit { .. })
                    if named < MAX_LISTED =>
                {
                    named += 1;
                    tell(shared, key, news);
                }
                last if last.is_last() => return Ok(last),
                _ => return Err(FileRefusal::Sandbox),
            },
            why = stopped(orders) => return Err(why),
        }
    }
}
