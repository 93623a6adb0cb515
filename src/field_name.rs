//! How servers read field names.

/// The bytes that field names are compared by. Servers that map fields to environment variables
/// (CGI and its heirs) turn every byte but letters and digits into `_`, so all of these are one.
pub fn folded(name: &str) -> impl Iterator<Item = u8> + Clone + '_ {
    name.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() {
            byte.to_ascii_lowercase()
        } else {
            b'-'
        }
    })
}
