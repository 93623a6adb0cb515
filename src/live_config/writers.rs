//! Whether someone has begun to write a file, and not closed it.
//!
//! The system tells of writes and of the end of writing (`inotify(7)`) on local file systems. Where
//! it does not, nobody is known to write.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use super::look::Look;

/// Those of one path.
pub(super) struct Writers {
    /// `None` where the system does not tell.
    events: Option<OwnedFd>,
    watched: Option<Watched>,
    /// Something was written since the end of writing was last heard of.
    are_writing: bool,
}

/// What the path led to when its events were asked for.
struct Watched {
    file: (u64, u64),
    id: i32,
}

impl Writers {
    pub(super) fn new() -> Self {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        Self {
            events: events.ok(),
            watched: None,
            are_writing: false,
        }
    }

    /// Whether someone writes what the path leads to, which `look` has just seen.
    pub(super) fn are_at(&mut self, path: &Path, look: Option<Look>) -> bool {
        let Some(events) = &self.events else {
            return false;
        };
        let file = look.map(|look| look.file());
        if self.watched.as_ref().map(|watched| watched.file) != file {
            if let Some(Watched { id, .. }) = self.watched.take() {
                // A file that is gone has no watch any more.
                let _ = inotify::remove_watch(events, id);
            }
            self.are_writing = false;
            let flags = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
            let id = inotify::add_watch(events, path, flags).ok();
            let watched = file.zip(id).map(|(file, id)| Watched { file, id });
            self.watched = watched;
        }
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(events, &mut space);
        // An error means that no further event is there yet.
        while let Ok(event) = reader.next() {
            let is_of_this = self.watched.as_ref().is_some_and(|it| it.id == event.wd());
            if is_of_this {
                self.are_writing = event.events().contains(ReadFlags::MODIFY);
            }
        }
        self.are_writing
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_written_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, "whole").unwrap();
        let mut writers = Writers::new();
        let mut are_writing = || writers.are_at(&path, Look::at(&path));
        assert!(!are_writing());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"ha").unwrap();
        assert!(are_writing());
        assert!(are_writing(), "and still");
        file.write_all(b"lf").unwrap();
        drop(file);
        assert!(!are_writing());

        // The same for what takes its place.
        let other = folder.path().join("other");
        let mut file = File::create(&other).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(!are_writing());
        file.write_all(b"half").unwrap();
        assert!(are_writing());
        drop(file);
        assert!(!are_writing());
    }
}
