//! The file as a command needs it: of its secrets, those of one section.

use std::path::Path;

use serde_yaml::Value;

use super::{ConfigError, load};
use crate::config::Config;
use crate::secret::Secret;

/// Reads a file for a command that uses one section of it, or none with the name "". Secrets elsewhere in the file may be the
/// gateway's alone, such as variables of its service: where they cannot be read, others stand for them.
///
/// # Errors
///
/// The file is no configuration, or a secret of the section cannot be read.
pub fn load_section(file: &Path, section: &str) -> Result<Config, ConfigError> {
    let loaded = load(file);
    if !matches!(&loaded, Err(ConfigError::Invalid { .. })) {
        return loaded;
    }
    let stand_ins = stand_ins(file, section);
    match stand_ins.is_empty() {
        true => loaded,
        false => Secret::remembering(stand_ins, || load(file)),
    }
}

/// A secret for each reference outside of the section that leads to none. None for a file that is no
/// YAML: reading it says so.
fn stand_ins(file: &Path, section: &str) -> Vec<(String, Secret)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let document: Value = serde_yaml::from_str(&text).unwrap_or_default();
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for (key, value) in document.as_mapping().into_iter().flatten() {
        match key.as_str() == Some(section) {
            true => references(value, &mut own),
            false => references(value, &mut others),
        }
    }
    others.retain(|reference| !own.contains(reference));
    others.sort_unstable();
    others.dedup();
    others.retain(|reference| Secret::resolve(reference).is_err());
    let numbered = others.into_iter().enumerate();
    numbered
        .map(|(number, reference)| (reference, Secret::stand_in(number)))
        .collect()
}

/// Adds every text of a value that refers to a secret.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("env:") || text.starts_with("file:") => {
            found.push(text.clone());
        }
        Value::Sequence(items) => items.iter().for_each(|item| references(item, found)),
        Value::Mapping(fields) => fields.values().for_each(|value| references(value, found)),
        Value::Tagged(tagged) => references(&tagged.value, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::AdminSettings;

    fn read(text: &str) -> Result<AdminSettings, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        load_section(file.path(), "admin").map(|config| config.admin)
    }

    #[test]
    fn of_the_secrets_only_those_of_the_section_have_to_be_readable() {
        let elsewhere = "listeners: [{address: '127.0.0.1:8080'}]\n\
            session: {key_encryption_keys: ['env:VESTIBULE_NOWHERE_1', 'env:VESTIBULE_NOWHERE_2']}\n\
            store: {postgres: 'file:/nowhere/url'}\n";
        let (token, text) = (tempfile::NamedTempFile::new().unwrap(), "t".repeat(43));
        std::fs::write(token.path(), &text).unwrap();
        let own = format!("admin: {{token: 'file:{}'}}\n", token.path().display());
        let admin = read(&format!("{elsewhere}{own}")).unwrap();
        assert_eq!(admin.token.unwrap().expose(), text);

        // A token that cannot be read is no other, also where something else refers to it.
        for name in ["VESTIBULE_NOWHERE_3", "VESTIBULE_NOWHERE_1"] {
            let error = read(&format!("{elsewhere}admin: {{token: 'env:{name}'}}\n"));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(!error.contains("VESTIBULE_NOWHERE_2"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_otherwise_is_still_an_error() {
        let error = read("listeners: [{address: '127.0.0.1:8080'}]\nadmn: {}\n");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("admn"), "{error}");
        assert!(read("listeners: [\n").is_err());
        assert!(read("listeners: [{address: '127.0.0.1:8080'}]\n").is_ok());
    }
}
