//! Ports of loopback for the servers of tests, here and in the library's own tests.

use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::Mutex;

/// A loopback address that nobody listened on a moment ago, and that no other test is given while this
/// one runs. Pingora cannot tell which port it got for 0.
pub(crate) fn free_port() -> SocketAddr {
    /// A name of the system's for each port, which goes with the process.
    static RESERVED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let mut random = [0; 2];
    loop {
        aws_lc_rs::rand::fill(&mut random).unwrap();
        // Below the ports that systems hand out by themselves: neither a connection nor a
        // listener on port 0 of another test can take it meanwhile.
        let port = 10_000 + u16::from_be_bytes(random) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let name = format!("vestibule-test-port-{port}");
        let name = UnixAddr::from_abstract_name(name).unwrap();
        let Ok(reserved) = UnixListener::bind_addr(&name) else {
            continue;
        };
        if TcpListener::bind(address).is_ok() {
            RESERVED.lock().unwrap().push(reserved);
            return address;
        }
    }
}
