//! What operators see and do.

pub mod admin;
pub mod admin_api;
pub mod admin_commands;
pub mod admin_tokens;
pub mod admin_users;
pub mod board;
pub mod check_command;
pub mod check_meaning;
mod command_output;
mod cut_requests;
pub mod dashboard;
pub mod events;
pub mod generate_command;
mod hung_up;
pub mod logs;
pub mod metrics;
pub mod monitoring;
mod ready;
pub mod route_explain;
pub mod store_command;
pub mod store_interrupted;
pub mod traces;
mod upstreams;
