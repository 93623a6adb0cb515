//! Connections, protocols and the bytes on them.

pub mod guard;
pub mod h2c;
pub mod hygiene;
pub mod listeners;
pub mod networks;
pub mod one_reading;
mod pipelined;
mod small_frames;
pub mod tls;
pub mod tls_tickets;
mod unread_bodies;
