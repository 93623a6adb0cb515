//! Starts, stops, changes, faults.

pub mod changes;
pub mod clock;
pub mod crash;
pub mod disk;
pub mod flip;
pub mod fuzz;
pub mod history;
pub mod memory;
pub mod postgres;
pub mod reload;
pub mod resources;
mod restart;
pub mod upgrade;
