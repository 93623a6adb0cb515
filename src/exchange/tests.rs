//! The exchange as a whole: its parts have tests of their own.

mod doors;
mod interleavings;
mod logout_by_issuer;
mod written_behind;
