//! What is read again when somebody asks for a reload, by a signal or by the admin API, in addition to
//! the configuration's file.

use tokio::sync::watch;

use super::tls::Certificates;

/// Certificates, keys of tickets, and orders of certificates.
#[derive(Clone)]
pub(super) struct Reread {
    certificates: Certificates,
    hurry: watch::Sender<()>,
}

impl Reread {
    /// The receiver learns when orders that failed are to be repeated at once.
    pub(super) fn new(certificates: Certificates) -> (Self, watch::Receiver<()>) {
        let (hurry, hurries) = watch::channel(());
        let reread = Self {
            certificates,
            hurry,
        };
        (reread, hurries)
    }

    /// Begins it, and waits for nothing. The log says what came of it.
    pub(super) fn begin(&self) {
        let certificates = self.certificates.clone();
        tokio::task::spawn_blocking(move || certificates.reload());
        self.hurry.send_replace(());
    }
}
