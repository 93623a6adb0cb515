//! Runs the README's Rust verification on a session token: the token comes on standard input,
//! the key set's file and the gateway's public URL as arguments. Prints the user's id.

#![allow(
    clippy::print_stdout,
    unreachable_pub,
    reason = "a program of two files"
)]

use std::error::Error;

mod verify;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: verify JWKS_FILE PUBLIC_URL < TOKEN";
    let keys = std::fs::read_to_string(arguments.next().ok_or(usage)?)?;
    let public_url = arguments.next().ok_or(usage)?;
    let token = std::io::read_to_string(std::io::stdin())?;
    let claims = verify::verify(token.trim(), &serde_json::from_str(&keys)?, &public_url)?;
    println!("{} {}", claims.sub, claims.sid);
    Ok(())
}
