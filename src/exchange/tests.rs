//! The exchange as a whole: its parts have tests of their own.

mod doors;
mod interleavings;
mod written_behind;
