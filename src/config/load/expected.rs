//! What a type asks for, in the words of the file and not in those of Rust.

/// What is expected where the deserializer says `said`, and how to write it in place of what was `found`.
pub(super) fn expected<'a>(said: &'a str, found: &str) -> (&'a str, Option<&'static str>) {
    if let Some(range) = whole_number(said) {
        // With a unit, or with separators.
        let hint = (found == "text").then_some("in digits alone, such as `1000`");
        return (range, hint);
    }
    match said {
        "a boolean" => (said, Some("write `true` or `false`")),
        "a duration" => (said, Some("such as `500ms`, `30s` or `10m`")),
        "socket address" => ("an IP address and a port", Some(ADDRESSES)),
        "a string" if found.starts_with("a number") || found == "true or false" => {
            (said, Some("put it in quotes"))
        }
        // These are the sizes of `bytesize`.
        "an integer or string" | "parsable string" | "integer overflow" => (
            "a size",
            Some("such as `64KiB`, `10MiB` or a number of bytes"),
        ),
        "f32" | "f64" => ("a number", None),
        "path string" => ("a path", None),
        "a sequence" => ("a list", Some("such as `[one, two]`")),
        "a map" => ("a mapping", None),
        said if said.starts_with("struct ") => ("a mapping", None),
        "a Value::Tagged enum" => ("a word", None),
        said => (said, None),
    }
}

/// The range of a type of whole numbers.
fn whole_number(said: &str) -> Option<&'static str> {
    Some(match said {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of at least 0",
        "a nonzero u8" => "a whole number from 1 to 255",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        "a nonzero u64" | "a nonzero usize" => "a whole number of at least 1",
        _ => return None,
    })
}

/// How addresses are written.
pub(super) const ADDRESSES: &str =
    "such as `0.0.0.0:8080`, `[::]:8080` or, for listeners, `unix:/run/vestibule.sock`";
