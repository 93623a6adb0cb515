//! Parts of a body on their way to a peer, and whether they have left.
//!
//! Over HTTP/2 what the framework has written may wait for its peer for as long as that likes. The bytes of
//! a part are given up when they are written, which is how it is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use bytes::Bytes;
use futures::task::AtomicWaker;

/// Those that are on their way.
#[derive(Clone, Debug, Default)]
pub struct Parts(Arc<State>);

#[derive(Debug, Default)]
struct State {
    on_their_way: AtomicUsize,
    waiting: AtomicWaker,
}

/// The bytes of one.
struct Part {
    bytes: Bytes,
    of: Parts,
}

impl Parts {
    /// The same bytes, counted until nobody holds them any more.
    pub fn count(&self, bytes: Bytes) -> Bytes {
        self.0.on_their_way.fetch_add(1, Ordering::Relaxed);
        Bytes::from_owner(Part {
            bytes,
            of: self.clone(),
        })
    }

    /// Whether all of them have left; who asks is woken when they have.
    pub fn have_left(&self, context: &Context<'_>) -> bool {
        // Before the look, so that what leaves in between wakes.
        self.0.waiting.register(context.waker());
        self.0.on_their_way.load(Ordering::Acquire) == 0
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let state = &*self.of.0;
        if state.on_their_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            state.waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_part_has_left_when_nobody_holds_it() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let parts = Parts::default();
        assert!(parts.have_left(&context), "there is none");
        let mut first = parts.count(Bytes::from_static(b"first"));
        let second = parts.count(Bytes::from_static(b"second"));
        let half = first.split_to(2);
        assert_eq!((&*half, &*first), (&b"fi"[..], &b"rst"[..]));
        drop((first, second));
        assert!(!parts.have_left(&context));
        assert!(!woken.0.load(Ordering::Relaxed), "half of one is held");
        drop(half);
        assert!(woken.0.load(Ordering::Relaxed));
        assert!(parts.have_left(&context));
    }
}
