//! Starts, stops, changes, faults.

pub mod changes;
pub mod clock;
pub mod crash;
pub mod disk;
pub mod flip;
pub mod fuzz;
mod half_written;
pub mod history;
pub mod memory;
pub mod postgres;
pub mod reload;
pub mod resources;
mod restart;
mod service_manager;
mod siege;
mod stop;
pub mod upgrade;
pub mod webhooks;
