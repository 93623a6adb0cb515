//! The name of a scope.

/// What is wrong with it by RFC 6749 section 3.3, if anything is.
pub(super) fn scope_fault(scope: &str) -> Option<&'static str> {
    let is_word = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let fits = !scope.is_empty() && scope.bytes().all(is_word);
    (!fits).then_some("a scope must be one word")
}
