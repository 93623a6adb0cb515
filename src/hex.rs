//! Numbers in hexadecimal, for the request id.

/// The last digits of a number, as many as there is room for; the formatting of the standard library
/// costs as much as the rest of a header's rewriting.
pub fn write(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        let value = (number & 0xf) as u8;
        *digit = if value < 10 {
            b'0' + value
        } else {
            b'a' + value - 10
        };
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_the_standard_librarys() {
        for number in [0, 9, 10, 0xdead_beef, u64::MAX] {
            let mut digits = [0; 16];
            write(number, &mut digits);
            assert_eq!(digits, *format!("{number:016x}").as_bytes());
        }
    }
}
