//! Signing keys that an operator keeps in PEM files, in place of those in the store.
//!
//! The order of the files takes the place of the schedule: the first key signs, and the others are
//! published as well, as future or former signing keys.

use std::path::{Path, PathBuf};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::{self, PemObject};

use crate::clock::UnixTime;
use crate::session::signer::Signer;
use crate::store::{KeyState, PrivateKeyBytes, SigningAlgorithm, SigningKeyRecord};

/// Why a file does not contain a usable key. The error reveals nothing about the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the signing key {}: {cause}", path.display())]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// What went wrong.
        cause: std::io::Error,
    },
    /// There is no PKCS#8 key in it.
    #[error(
        "{}: contains no `PRIVATE KEY`; `openssl pkcs8 -topk8 -nocrypt` converts older formats",
        .0.display()
    )]
    NotPem(PathBuf),
    /// The key cannot sign session tokens.
    #[error("{}: not a key for ES256, EdDSA, or RS256 with at least 2048 bits", .0.display())]
    Unfit(PathBuf),
    /// The first file's key is for another algorithm than the configured one.
    #[error("{}: the first key signs, but does not fit `session.algorithm`", .0.display())]
    OtherAlgorithm(PathBuf),
}

/// Reads the keys, the one that signs with `algorithm` first.
///
/// # Errors
///
/// One of the files is not as it should be; none is used then.
pub fn read(
    paths: &[PathBuf],
    algorithm: SigningAlgorithm,
) -> Result<Vec<SigningKeyRecord>, KeyFileError> {
    let mut keys: Vec<SigningKeyRecord> = Vec::with_capacity(paths.len());
    for path in paths {
        let mut key = read_one(path)?;
        if keys.is_empty() {
            if key.algorithm != algorithm {
                return Err(KeyFileError::OtherAlgorithm(path.clone()));
            }
            key.state = KeyState::Current;
        }
        // The same key in two files is one key.
        if keys.iter().all(|other| other.kid != key.kid) {
            keys.push(key);
        }
    }
    Ok(keys)
}

fn read_one(path: &Path) -> Result<SigningKeyRecord, KeyFileError> {
    let io = |cause| KeyFileError::Io {
        path: path.to_owned(),
        cause,
    };
    let der = match PrivatePkcs8KeyDer::from_pem_file(path) {
        Ok(der) => der,
        Err(pem::Error::Io(cause)) => return Err(io(cause)),
        Err(_) => return Err(KeyFileError::NotPem(path.to_owned())),
    };
    let der = der.secret_pkcs8_der();
    let fitting = ALGORITHMS
        .into_iter()
        .find_map(|algorithm| Some((algorithm, Signer::from_pkcs8(algorithm, der).ok()?)));
    let (algorithm, signer) = fitting.ok_or_else(|| KeyFileError::Unfit(path.to_owned()))?;
    let changed = std::fs::metadata(path).and_then(|file| file.modified());
    let since = UnixTime::from(changed.map_err(io)?);
    Ok(SigningKeyRecord {
        kid: signer.kid().to_owned(),
        algorithm,
        // It may have signed before, so what it signed goes when it goes.
        state: KeyState::Retired,
        created_at: since,
        activates_at: since,
        retires_at: None,
        published_until: None,
        sealed_with: None,
        private_key: PrivateKeyBytes::new(der.to_vec()),
    })
}

const ALGORITHMS: [SigningAlgorithm; 3] = [
    SigningAlgorithm::ES256,
    SigningAlgorithm::EdDSA,
    SigningAlgorithm::RS256,
];
