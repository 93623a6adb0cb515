//! RSA moduli of a broken generator (ROCA, CVE-2017-15361), which can be factored.
//!
//! The primes of that generator are `k * M + (65537^a mod M)`, where `M` is the product of the
//! first primes. So the modulus is a power of 65537 modulo each small prime, which for a random
//! one is as good as impossible (Nemec et al., "The Return of Coppersmith's Attack", 2017,
//! section 2.2).

/// Whether a big-endian modulus carries the fingerprint.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0_u32, |remainder, byte| {
            (remainder * 256 + u32::from(*byte)) % prime
        });
        is_power_of_generator(remainder, *prime)
    })
}

fn is_power_of_generator(remainder: u32, prime: u32) -> bool {
    let generator = 65537 % prime;
    let mut power = 1 % prime;
    for _ in 0..prime {
        if power == remainder {
            return true;
        }
        power = power * generator % prime;
    }
    false
}

/// Primes up to 167: the factors of `M` for keys up to 960 bits, and of every larger `M`.
const PRIMES: [u32; 39] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

#[cfg(test)]
mod tests {
    use super::is_weak;

    #[test]
    fn a_power_of_the_generator_is_weak_and_its_neighbour_is_not() {
        // 65537^100 is a power of 65537 modulo everything.
        let mut number = vec![1_u8];
        for _ in 0..100 {
            let mut shifted = number.clone();
            shifted.extend([0, 0]);
            let mut carry = 0_u16;
            for at in 0..shifted.len() {
                let low = shifted.len() - 1 - at;
                let add = if at < number.len() {
                    number[number.len() - 1 - at]
                } else {
                    0
                };
                let sum = u16::from(shifted[low]) + u16::from(add) + carry;
                shifted[low] = (sum & 0xff) as u8;
                carry = sum >> 8;
            }
            assert_eq!(carry, 0);
            number = shifted;
        }
        assert!(is_weak(&number));
        let last = number.last_mut().unwrap();
        *last = last.wrapping_add(2);
        assert!(!is_weak(&number));
    }
}
