//! Any bytes as a published key set, in either shape.

use vestibule::issuer::{Algorithm, KeyFormat};
use vestibule::jwks::KeySet;

pub fn check(bytes: &[u8]) {
    for format in [KeyFormat::Jwks, KeyFormat::PemMap] {
        let Ok(set) = KeySet::parse_as(format, bytes, 100) else {
            continue;
        };
        for algorithm in Algorithm::ASYMMETRIC {
            let _ = set.find(None.into(), algorithm);
            for key in set.iter() {
                let _ = set.find(key.kid().into(), algorithm);
                assert!(!key.verify(algorithm, b"message", &vec![0; 64]));
            }
        }
    }
}
