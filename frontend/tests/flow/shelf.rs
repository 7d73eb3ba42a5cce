//! The files of fake workers: stored, listed and read in the test's own memory, by
//! the rules of the protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gaggle_ipc::files::{
    Chunk, Fate, FileNews, FileOrder, FilePlace, FileRefusal, ImageKind, WINDOW,
};
use gaggle_ipc::{Text, TurnId};

/// All of it. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    /// What was stored, in its order.
    stored: Vec<(String, Vec<u8>)>,
    /// What can be read, or why not: outbox and workspace.
    outbox: Vec<(String, Result<Vec<u8>, FileRefusal>)>,
    workspace: HashMap<String, Vec<u8>>,
    aside: Vec<(String, Fate)>,
    /// What is said to whatever is stored next.
    refusal: Option<FileRefusal>,
    /// Nothing is said about moving things aside.
    stuck: bool,
    open: HashMap<(TurnId, u32), Open>,
}

enum Open {
    Storing { name: String, size: u64, bytes: Vec<u8> },
    Reading { left: Vec<u8> },
}

impl Shelf {
    pub(crate) fn stored(&self) -> Vec<(String, Vec<u8>)> {
        self.0.lock().unwrap().stored.clone()
    }

    pub(crate) fn aside(&self) -> Vec<(String, Fate)> {
        self.0.lock().unwrap().aside.clone()
    }

    /// Files that somebody has begun and not ended.
    pub(crate) fn under_way(&self) -> usize {
        self.0.lock().unwrap().open.len()
    }

    pub(crate) fn refuse_next(&self, why: FileRefusal) {
        self.0.lock().unwrap().refusal = Some(why);
    }

    /// From now on nothing is moved aside.
    pub(crate) fn stick(&self, stuck: bool) {
        self.0.lock().unwrap().stuck = stuck;
    }

    pub(crate) fn put(&self, name: &str, content: Result<&[u8], FileRefusal>) {
        let content = content.map(<[u8]>::to_vec);
        self.0.lock().unwrap().outbox.push((name.to_owned(), content));
    }

    pub(crate) fn put_in_workspace(&self, path: &str, content: &[u8]) {
        self.0.lock().unwrap().workspace.insert(path.to_owned(), content.to_vec());
    }

    pub(crate) fn answer(&self, turn: TurnId, file: u32, order: FileOrder) -> Vec<FileNews> {
        let mut content = self.0.lock().unwrap();
        let key = (turn, file);
        match order {
            FileOrder::Store { name, size } => {
                if let Some(why) = content.refusal.take() {
                    return vec![FileNews::Refused(why)];
                }
                let name = name.into_string();
                content.open.insert(key, Open::Storing { name, size, bytes: Vec::new() });
                vec![FileNews::Room { chunks: WINDOW }]
            }
            FileOrder::Bytes(chunk) => match content.open.get_mut(&key) {
                Some(Open::Storing { bytes, .. }) => {
                    bytes.extend(chunk.bytes());
                    vec![FileNews::Room { chunks: 1 }]
                }
                _ => Vec::new(),
            },
            FileOrder::Whole => match content.open.remove(&key) {
                Some(Open::Storing { name, size, bytes }) => {
                    assert_eq!(bytes.len() as u64, size);
                    content.stored.push((name.clone(), bytes));
                    let path = format!("/home/alice/workspace/inbox/t/{name}");
                    let (name, path) = (Text::lossy(&name), Text::lossy(&path));
                    vec![FileNews::Stored { name, path }]
                }
                _ => Vec::new(),
            },
            FileOrder::Stop => match content.open.remove(&key) {
                Some(_) => vec![FileNews::Refused(FileRefusal::Stopped)],
                None => Vec::new(),
            },
            FileOrder::List { most } => {
                let outbox = content.outbox.iter().take(most.into());
                let named = outbox.map(|(name, content)| match content {
                    Ok(bytes) => FileNews::Offered {
                        name: Text::lossy(name),
                        size: bytes.len() as u64,
                        stamp: bytes.iter().map(|b| u64::from(*b)).sum(),
                    },
                    Err(why) => FileNews::Unfit { name: Text::lossy(name), why: *why },
                });
                named.chain([FileNews::Ended]).collect()
            }
            FileOrder::Read { place, path, max } => {
                let found = match place {
                    FilePlace::Workspace => content.workspace.get(path.as_str()).cloned(),
                    _ => content
                        .outbox
                        .iter()
                        .find(|(name, _)| name == path.as_str())
                        .and_then(|(_, content)| content.clone().ok()),
                };
                let Some(bytes) = found else {
                    return vec![FileNews::Refused(FileRefusal::Missing)];
                };
                if bytes.len() as u64 > max {
                    return vec![FileNews::Refused(FileRefusal::TooLarge)];
                }
                let (name, size) = (Text::lossy(path.as_str()), bytes.len() as u64);
                let image = ImageKind::of(&bytes);
                content.open.insert(key, Open::Reading { left: bytes });
                vec![FileNews::Opened { name, size, image }]
            }
            FileOrder::Room { chunks } => read(&mut content.open, key, chunks),
            FileOrder::SetAside { .. } if content.stuck => {
                vec![FileNews::Refused(FileRefusal::NoSpace)]
            }
            FileOrder::SetAside { name, fate } => {
                content.outbox.retain(|(known, _)| known != name.as_str());
                content.aside.push((name.into_string(), fate));
                vec![FileNews::Ended]
            }
        }
    }
}

fn read(open: &mut HashMap<(TurnId, u32), Open>, key: (TurnId, u32), room: u16) -> Vec<FileNews> {
    let Some(Open::Reading { left }) = open.get_mut(&key) else { return Vec::new() };
    let mut news = Vec::new();
    for _ in 0..room {
        let size = left.len().min(Chunk::MAX);
        match Chunk::new(left.drain(..size).collect()) {
            Some(chunk) => news.push(FileNews::Bytes(chunk)),
            None => {
                news.push(FileNews::Ended);
                open.remove(&key);
                break;
            }
        }
    }
    news
}
