//! Values of another kind than the key has: numbers with units, sizes, rates, words.

use super::*;

#[test]
fn what_is_expected_is_said_in_words_of_the_file() {
    assert_all_with(&[
        (
            "limits: {connections: 10k}",
            &[
                "22:23: limits.connections: expected a whole number of at least 0, found text; in digits \
                 alone, such as `1000`",
            ],
        ),
        (
            "limits: {connections_per_client: -1}",
            &[
                "22:34: limits.connections_per_client: expected a whole number from 0 to 4294967295, found \
                 another number",
            ],
        ),
        (
            "limits: {requests: 0}",
            &[
                "22:20: limits.requests: expected a whole number of at least 1, found another number",
            ],
        ),
        (
            "limits: {header_count: 1.5}",
            &[
                "22:24: limits.header_count: expected a whole number of at least 0, found a number with a \
                 fraction",
            ],
        ),
        (
            "limits: {connections: 10000, requests: ~, header_count: 100}",
            &[],
        ),
        (
            "error_page: [a]",
            &["22:1: error_page: expected a path, found a list"],
        ),
        (
            "allowed_origins: https://a.example",
            &["22:18: allowed_origins: expected a list, found text; such as `[one, two]`"],
        ),
        (
            "log: {format: 1}",
            &["22:15: log.format: expected a word, found a number"],
        ),
    ]);
}

#[test]
fn sizes_have_units_of_their_own() {
    let expected = |column: u8, found: &str| {
        format!(
            "22:{column}: limits.uri_size: expected a size, found {found}; such as `64KiB`, `10MiB` or a number of \
             bytes"
        )
    };
    for (size, column, found) in [
        ("8KX", 20, "text"),
        ("-1", 20, "another number"),
        ("[1]", 10, "a list"),
    ] {
        let more = format!("limits: {{uri_size: {size}}}");
        assert_eq!(with(&more), [expected(column, found)], "{size}");
    }
    for size in ["8KiB", "8 KB", "8192"] {
        assert_eq!(with(&format!("limits: {{uri_size: {size}}}")), [""; 0]);
    }
}

#[test]
fn a_rate_is_a_count_and_a_period() {
    let more = |rate: &str| format!("limits: {{rates: {{failed_per_client: {rate}}}}}");
    // The last one is `off` to what reads YAML 1.1.
    for rate in ["300/1m", "off", "false"] {
        assert_eq!(with(&more(rate)), [""; 0], "{rate}");
    }
    for (rate, found) in [("300", "a number"), ("true", "true or false")] {
        let expected = format!(
            "22:37: limits.rates.failed_per_client: expected a count and a period, such as `60/1m`, or `off`, \
             found {found}"
        );
        assert_eq!(with(&more(rate)), [expected], "{rate}");
    }
}

/// A token of digits alone would be in the log otherwise.
#[test]
fn a_number_that_yaml_cannot_hold_is_not_repeated() {
    let expected =
        "22:16: a number with more digits than any key takes; put it in quotes if it is a text";
    for digits in ["99999999999999999999", "0x1234567890abcdef1234567890abcdef"] {
        assert_eq!(with(&format!("admin: {{token: {digits}}}")), [expected]);
    }
}

#[test]
fn addresses_networks_and_ids_have_an_example() {
    let addresses =
        "such as `0.0.0.0:8080`, `[::]:8080` or, for listeners, `unix:/run/vestibule.sock`";
    let expected =
        |found: &str| format!("expected an IP address and a port, found {found}; {addresses}");
    assert_eq!(
        changed("127.0.0.1:8080", "8080"),
        [format!(
            "2:14: listeners[0].address: {}",
            expected("a number")
        )]
    );
    assert_eq!(
        with("admin: {address: 9901}"),
        [format!("22:18: admin.address: {}", expected("a number"))]
    );
    assert_all_with(&[
        (
            "trusted_proxies: [10.0.0.5]",
            &[
                "22:19: trusted_proxies[0]: expected a network; such as `10.0.0.0/8`, or `10.0.0.5/32` for \
                 one address",
            ],
        ),
        ("trusted_proxies: [10.0.0.5/32]", &[]),
        (
            "environment_id: abc",
            &["22:17: environment_id: not a UUID; write one as `uuidgen` prints it"],
        ),
        (
            "traces: {otlp: {endpoint: '127.0.0.1:4317'}}",
            &["22:27: traces.otlp.endpoint: not a URL; such as `https://host.example/path`"],
        ),
    ]);
}
