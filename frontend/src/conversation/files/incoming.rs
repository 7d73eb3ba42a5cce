//! Brings what somebody attached into their thread's inbox, before the turn begins.
//!
//! Trust: as the module above. One file that cannot be had does not keep the others, nor
//! the turn: its name and the reason are told in the thread.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gaggle_ipc::Text;
use gaggle_ipc::files::{Chunk, FileName, FileNews, FileOrder, FileRefusal, ImageKind, plain_name};

use super::super::{Inner, Job};
use super::prompt::{self, Shown, Taken};
use crate::config::FileRules;
use crate::mattermost::{Client, Download, FileInfo};
use crate::words::files::{FileTrouble, not_taken};
use crate::worker::{FileRoute, Worker};

/// Most files of a post that are told by name.
const MOST_NAMED: usize = 20;
/// How often a file is asked for.
const TRIES: u32 = 2;

/// What of the files goes to Goose.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Brought {
    /// What follows the prompt.
    pub(in super::super) text: String,
    /// Images, by their names in the inbox.
    pub(in super::super) images: Vec<FileName>,
    /// There is something to work on.
    pub(in super::super) any: bool,
}

/// The worker is gone.
#[derive(Debug)]
pub(in super::super) struct WorkerGone;

/// Why one file is not there.
enum Failed {
    File(FileTrouble),
    Worker,
}

impl<E: Into<FileTrouble>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

struct Bringing<'a> {
    client: &'a Client,
    job: &'a Job,
    workspace: &'a str,
    rules: FileRules,
    route: FileRoute,
    total: u64,
    text: u64,
    taken: Vec<Taken>,
    images: Vec<FileName>,
    refused: Vec<String>,
}

/// A file on its way, and what is kept of it.
struct OnItsWay {
    download: Download,
    waiting: BytesMut,
    start: Vec<u8>,
    kept: usize,
}

impl Inner {
    /// Brings the files of `job` to `worker`. Dropped half-way, what is under way is
    /// given up.
    pub(in super::super) async fn bring(
        &self,
        job: &Job,
        worker: &Arc<Worker>,
    ) -> Result<Brought, WorkerGone> {
        let any = !job.text.is_empty();
        if job.files.is_empty() {
            return Ok(Brought { text: String::new(), images: Vec::new(), any });
        }
        let route = worker.files(job.key.thread, self.wire_turn()).ok_or(WorkerGone)?;
        let mut bringing = Bringing {
            client: &self.client,
            job,
            workspace: &worker.workspace,
            rules: self.live().files,
            route,
            total: 0,
            text: 0,
            taken: Vec::new(),
            images: Vec::new(),
            refused: Vec::new(),
        };
        bringing.all().await?;
        let Bringing { taken, images, refused, .. } = bringing;
        let any = any || !taken.is_empty();
        Ok(Brought { text: prompt::about_files(&job.text, &taken, &refused), images, any })
    }
}

impl Bringing<'_> {
    async fn all(&mut self) -> Result<(), WorkerGone> {
        for (at, file) in self.job.files.iter().take(MOST_NAMED).enumerate() {
            let (name, failed) = match self.client.file_info(*file).await {
                Ok(info) => {
                    let failed = self.one(at, &info).await.err();
                    (info.name, failed)
                }
                Err(error) => {
                    tracing::info!(%file, %error, "an attached file was not found");
                    ("a file".to_owned(), Some(error.into()))
                }
            };
            match failed {
                None => {}
                Some(Failed::Worker) => return Err(WorkerGone),
                Some(Failed::File(why)) => self.refuse(&name, why),
            }
        }
        let more = self.job.files.len().saturating_sub(MOST_NAMED);
        if more > 0 {
            self.note(format!("⚠️ {more} more files were not taken: that is too many at a time."));
        }
        Ok(())
    }

    async fn one(&mut self, at: usize, info: &FileInfo) -> Result<(), Failed> {
        let rules = self.rules;
        let refusal = if !rules.receive {
            Some(FileTrouble::Off)
        } else if info.delete_at != 0 {
            Some(FileTrouble::Gone)
        } else if at >= rules.max_count {
            Some(FileTrouble::TooMany(rules.max_count))
        } else if info.size > rules.max_size {
            Some(FileTrouble::TooLarge(rules.max_size))
        } else if self.total + info.size > rules.max_total {
            Some(FileTrouble::TooMuch(rules.max_total))
        } else {
            None
        };
        if let Some(why) = refusal {
            return Err(Failed::File(why));
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match self.bring(info).await {
                Err(Failed::File(FileTrouble::Unavailable)) if tries < TRIES => {}
                ended => return ended,
            }
        }
    }

    async fn bring(&mut self, info: &FileInfo) -> Result<(), Failed> {
        let mut on_its_way = OnItsWay {
            download: self.client.download(info).await?,
            waiting: BytesMut::new(),
            start: Vec::new(),
            kept: usize::try_from(self.rules.inline_text).unwrap_or(0).max(ImageKind::MAGIC),
        };
        let name = Text::lossy(&plain_name(&info.name));
        let order = FileOrder::Store { name, size: info.size };
        self.route.begin(order).await.map_err(|_| Failed::Worker)?;
        let stored = pump(&mut self.route, &mut on_its_way).await;
        if let Err(Failed::File(why)) = &stored
            && !matches!(why, FileTrouble::Refused(_))
        {
            // The worker has not ended it yet.
            self.route.stop().await.ok_or(Failed::Worker)?;
        }
        let (name, path) = stored?;
        let path = below(self.workspace, &path);
        self.total += info.size;
        let shown = self.show(info, &name, &on_its_way.start);
        self.taken.push(Taken { path, size: info.size, shown });
        Ok(())
    }

    /// What the model sees of a file that is there.
    fn show(&mut self, info: &FileInfo, name: &FileName, start: &[u8]) -> Shown {
        let rules = self.rules;
        if ImageKind::of(start).is_some() {
            let why = if !rules.vision {
                FileTrouble::NoVision
            } else if info.size > rules.max_image {
                FileTrouble::LargeImage(rules.max_image)
            } else {
                self.images.push(name.clone());
                return Shown::Image;
            };
            self.note(not_taken(&info.name, why));
            return Shown::Path;
        }
        if info.size > rules.inline_text || self.text + info.size > prompt::MOST_TEXT {
            return Shown::Path;
        }
        match prompt::as_text(start) {
            Some(text) => {
                self.text += info.size;
                Shown::Text(text)
            }
            None => Shown::Path,
        }
    }

    fn refuse(&mut self, name: &str, why: FileTrouble) {
        tracing::info!(turn = %self.job.turn, ?why, "a file was not taken");
        self.note(not_taken(name, why));
        self.refused.push(plain_name(name));
    }

    fn note(&self, note: String) {
        self.job.view.send_modify(|transcript| transcript.note(note));
    }
}

/// `path` as it is called in the workspace.
fn below(workspace: &str, path: &str) -> String {
    let below = path.strip_prefix(workspace).and_then(|path| path.strip_prefix('/'));
    below.unwrap_or(path).to_owned()
}

/// Passes pieces on as there is room for them; the name and the path of the stored file.
async fn pump(
    route: &mut FileRoute,
    on_its_way: &mut OnItsWay,
) -> Result<(FileName, String), Failed> {
    let mut room: u16 = 0;
    loop {
        while room == 0 {
            match route.next().await.ok_or(Failed::Worker)? {
                FileNews::Room { chunks } => room = room.saturating_add(chunks),
                FileNews::Refused(why) => return Err(Failed::File(FileTrouble::Refused(why))),
                _ => return Err(Failed::Worker),
            }
        }
        let Some(bytes) = on_its_way.piece().await? else { break };
        room -= 1;
        route.order(FileOrder::Bytes(bytes)).await.map_err(|_| Failed::Worker)?;
    }
    route.order(FileOrder::Whole).await.map_err(|_| Failed::Worker)?;
    loop {
        match route.next().await.ok_or(Failed::Worker)? {
            FileNews::Room { .. } => {}
            FileNews::Stored { name, path } => return Ok((name, path.into_string())),
            FileNews::Refused(why) => return Err(Failed::File(FileTrouble::Refused(why))),
            _ => return Err(Failed::File(FileTrouble::Refused(FileRefusal::Sandbox))),
        }
    }
}

impl OnItsWay {
    /// The next piece, as large as one may be.
    async fn piece(&mut self) -> Result<Option<Chunk>, Failed> {
        while self.waiting.len() < Chunk::MAX {
            match self.download.next().await? {
                Some(bytes) => self.take(&bytes),
                None => break,
            }
        }
        let size = self.waiting.len().min(Chunk::MAX);
        Ok(Chunk::new(self.waiting.split_to(size).to_vec()))
    }

    fn take(&mut self, bytes: &Bytes) {
        let missing = self.kept.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(missing));
        self.waiting.extend_from_slice(bytes);
    }
}
