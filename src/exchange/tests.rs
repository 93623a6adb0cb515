//! The exchange as a whole: its parts have tests of their own.

mod access_lists;
mod doors;
mod interleavings;
mod logout_by_issuer;
mod written_behind;
