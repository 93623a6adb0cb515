//! Where the gateway listens.

use super::*;

#[test]
fn addresses_are_taken_once() {
    assert_all(&[
        (
            "\n  - address: 127.0.0.1:8080",
            " []",
            &["1:1: listeners: at least one listener is needed"],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: 127.0.0.1:8080",
            &["3:14: listeners[1].address: another listener, or `admin`, already has this address"],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:9901",
            &["2:14: listeners[0].address: another listener, or `admin`, already has this address"],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: 0.0.0.0:8081",
            &[],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: 0.0.0.0:8080",
            &[
                "3:14: listeners[1].address: another listener, or `admin`, has `127.0.0.1:8080`, and one of \
                 the two takes the port at all addresses; choose another port",
            ],
        ),
        (
            "127.0.0.1:8080",
            "0.0.0.0:9901\npublic_url: http://app.example.com",
            &[
                "2:14: listeners[0].address: another listener, or `admin`, has `127.0.0.1:9901`, and one of \
                 the two takes the port at all addresses; choose another port",
            ],
        ),
        // The families are apart.
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: '[::]:8080'",
            &[],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: '[::1]:8080'\n  - address: '[::]:8080'",
            &[
                "4:14: listeners[2].address: another listener, or `admin`, has `[::1]:8080`, and one of the \
                 two takes the port at all addresses; choose another port",
            ],
        ),
        (
            "127.0.0.1:8080",
            "localhost:8080",
            &[
                "2:14: listeners[0].address: expected an IP address and a port, and no host name; such as `0.0.0.0:8080`, \
               `[::]:8080` or, for listeners, `unix:/run/vestibule.sock`",
            ],
        ),
        (
            "127.0.0.1:8080",
            "$HOST:8080",
            &[
                "2:14: listeners[0].address: expected an IP address and a port, and no host name; such as `0.0.0.0:8080`, \
               `[::]:8080` or, for listeners, `unix:/run/vestibule.sock`",
            ],
        ),
    ]);
}
