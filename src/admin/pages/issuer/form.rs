//! The form of an issuer: settings as fields of a page, there and back.
//!
//! Settings without a field of their own, and values that a field cannot show, are in [`OTHERS`] as
//! text, so that nothing is lost.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::field::{Field, JWKS_URL, Kind, SPECIAL, USUAL};
use super::preset::{self, Preset};
use crate::diagnostic::Diagnostic;
use crate::issuer::Algorithm;
use crate::live_config::{self, Document};

/// What was typed, or what there is to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IssuerForm {
    /// By the input's name.
    typed: BTreeMap<&'static str, Vec<String>>,
}

impl IssuerForm {
    /// The form for a new issuer, turned off by default; for a known provider or any other.
    pub(super) fn blank(preset: &str) -> Self {
        let mut form = Self::default();
        let keys_from = match preset::find(preset) {
            Some(preset) => {
                form.put(PRESET, preset.word);
                ELSEWHERE
            }
            None => DISCOVERY,
        };
        form.put(KEYS_FROM, keys_from);
        form.put("provisioning", "auto");
        form
    }

    /// What an issuer cannot do without and is not typed yet: all of it at once.
    pub(super) fn missing(&self) -> Vec<Diagnostic> {
        let is_empty = |name: &str| self.text(name).trim().is_empty();
        let mut missing = Vec::new();
        if is_empty("name") {
            missing.push(Diagnostic::error("name", "a name is required"));
        }
        let others = self.others().unwrap_or_default();
        if self.preset().is_none() && is_empty("iss") && !others.contains_key("iss") {
            missing.push(Diagnostic::error("iss", "the `iss` is required"));
        }
        if self.has(KEYS_FROM, ADDRESS) && is_empty(JWKS_URL) {
            missing.push(Diagnostic::error(
                JWKS_URL,
                "the address of the keys is required",
            ));
        }
        missing
    }

    /// What a browser sent. Inputs that do not belong to this form are ignored.
    pub(super) fn sent(fields: &[(String, String)]) -> Self {
        let mut form = Self::default();
        for (name, value) in fields {
            if let Some(name) = input(name) {
                form.put(name, value);
            }
        }
        form
    }

    /// An issuer's settings.
    pub(super) fn of(document: &Document) -> Self {
        let mut form = Self::default();
        let mut others = Document::new();
        form.put(KEYS_FROM, ELSEWHERE);
        for (key, value) in document {
            let key = match key.as_str() {
                "jwksUrl" => "jwks_url",
                "cookieName" => "cookie_name",
                "assumeEmailVerified" => "assume_email_verified",
                key => key,
            };
            if !form.takes(key, value) {
                others.insert(key.to_owned(), value.clone());
            }
        }
        if !document.contains_key("enabled") {
            form.put("enabled", "true");
        }
        if !document.contains_key("provisioning") {
            form.put("provisioning", "auto");
        }
        if !others.is_empty() {
            // The pretty form of an object does not fail.
            form.put(
                OTHERS,
                &serde_json::to_string_pretty(&others).unwrap_or_default(),
            );
        }
        form
    }

    /// The settings that it says.
    pub(super) fn document(&self) -> Result<Document, Vec<Diagnostic>> {
        let mut document = self.others()?;
        let mut twice = Vec::new();
        let mut set = |key: &str, value: Value| {
            if document.insert(key.to_owned(), value).is_some() {
                twice.push(Diagnostic::error(
                    OTHERS,
                    format!("`{key}` has a field of its own above"),
                ));
            }
        };
        set("name", json!(self.text("name").trim()));
        set("enabled", json!(self.has("enabled", "true")));
        if let Some(preset) = self.preset() {
            set(PRESET, json!(preset.word));
        }
        for field in self.fields() {
            if field.key == "name" || (field.key == JWKS_URL && !self.has(KEYS_FROM, ADDRESS)) {
                continue;
            }
            let text = self.text(field.key).trim();
            match field.kind {
                Kind::Text if !text.is_empty() => set(field.key, json!(text)),
                Kind::Lines if !text.is_empty() => {
                    let lines = text.lines().map(str::trim);
                    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
                    set(field.key, json!(lines));
                }
                Kind::Switch if self.has(field.key, "true") => set(field.key, json!(true)),
                Kind::Text | Kind::Lines | Kind::Switch => {}
            }
        }
        if self.has(KEYS_FROM, DISCOVERY) {
            set(DISCOVERY, json!(true));
        }
        if self.has("provisioning", "existing_only") {
            set("provisioning", json!("existing_only"));
        }
        if let Some(algorithms) = self.typed.get(ALGORITHMS) {
            set(ALGORITHMS, json!(algorithms));
        }
        if twice.is_empty() {
            Ok(document)
        } else {
            Err(twice)
        }
    }

    /// What was typed into an input of one value.
    pub(super) fn text(&self, name: &str) -> &str {
        let values = self.typed.get(name);
        values
            .and_then(|values| values.first())
            .map_or("", String::as_str)
    }

    /// Whether a choice is ticked.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        let values = self.typed.get(name).into_iter().flatten();
        values.into_iter().any(|one| one == value)
    }

    /// The provider that is known by name.
    pub(super) fn preset(&self) -> Option<&'static Preset> {
        preset::find(self.text(PRESET))
    }

    /// Whether anything beyond the usual is set.
    pub(super) fn is_special(&self) -> bool {
        let set = |name| !self.text(name).trim().is_empty();
        set(OTHERS) || SPECIAL.iter().any(|field| set(field.key))
    }

    fn fields(&self) -> impl Iterator<Item = &'static Field> {
        let parameters = self.preset().map_or(&[][..], |preset| preset.parameters);
        parameters.iter().chain(USUAL).chain(SPECIAL)
    }

    fn put(&mut self, name: &'static str, value: &str) {
        self.typed.entry(name).or_default().push(value.to_owned());
    }

    /// Puts a setting into its field; false if there is no such field, or it cannot show the value.
    fn takes(&mut self, key: &str, value: &Value) -> bool {
        match (key, value) {
            ("enabled", Value::Bool(enabled)) => {
                if *enabled {
                    self.put("enabled", "true");
                }
                return true;
            }
            (PRESET, Value::String(word)) if preset::find(word).is_some() => {
                self.put(PRESET, word);
                return true;
            }
            (DISCOVERY, Value::Bool(discovery)) => {
                if *discovery {
                    self.typed.insert(KEYS_FROM, vec![DISCOVERY.to_owned()]);
                }
                return true;
            }
            ("provisioning", Value::String(word)) if PROVISIONINGS.contains(&word.as_str()) => {
                self.put("provisioning", word);
                return true;
            }
            (ALGORITHMS, Value::Array(names)) => {
                let known = |name: &Value| Algorithm::from_name(name.as_str().unwrap_or_default());
                let known: Option<Vec<_>> = names.iter().map(known).collect();
                for algorithm in known.iter().flatten() {
                    self.put(ALGORITHMS, algorithm.name());
                }
                return known.is_some();
            }
            _ => {}
        }
        let Some(field) = known_field(key) else {
            return false;
        };
        let text = match (field.kind, value) {
            (Kind::Text, Value::String(text)) if !text.is_empty() => text.clone(),
            (Kind::Lines, Value::String(line)) if is_line(line) => line.clone(),
            (Kind::Lines, Value::Array(lines)) if lines.iter().all(is_line_value) => {
                let lines: Vec<_> = lines.iter().filter_map(Value::as_str).collect();
                lines.join("\n")
            }
            (Kind::Switch, Value::Bool(true)) => "true".to_owned(),
            (Kind::Switch, Value::Bool(false)) => return true,
            _ => return false,
        };
        if key == JWKS_URL {
            self.typed.insert(KEYS_FROM, vec![ADDRESS.to_owned()]);
        }
        self.put(field.key, &text);
        true
    }

    fn others(&self) -> Result<Document, Vec<Diagnostic>> {
        let text = self.text(OTHERS).trim();
        if text.is_empty() {
            return Ok(Document::new());
        }
        live_config::issuer_document(text).map_err(|error| vec![Diagnostic::error(OTHERS, error)])
    }
}

/// The input at which an error in `field` is shown.
pub(super) fn input_of(field: &str) -> &'static str {
    let key = field.split(['.', '[']).next().unwrap_or_default();
    match key {
        "" => "",
        JWKS_URL | DISCOVERY | "keys" => KEYS_FROM,
        key => input(key).unwrap_or(OTHERS),
    }
}

/// The input of this name.
fn input(name: &str) -> Option<&'static str> {
    let choices = CHOICES.iter().find(|choice| **choice == name).copied();
    choices.or_else(|| known_field(name).map(|field| field.key))
}

fn known_field(key: &str) -> Option<&'static Field> {
    let parameters = preset::PRESETS.iter().flat_map(|preset| preset.parameters);
    let mut all = USUAL.iter().chain(SPECIAL).chain(parameters);
    all.find(|field| field.key == key)
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.trim() == text && !text.contains(['\n', '\r'])
}

fn is_line_value(value: &Value) -> bool {
    value.as_str().is_some_and(is_line)
}

/// The source of an issuer's keys.
pub(super) const KEYS_FROM: &str = "keys_from";
/// By OpenID Connect Discovery.
pub(super) const DISCOVERY: &str = "discovery";
/// From the address of [`JWKS_URL`].
pub(super) const ADDRESS: &str = "address";
/// From where the preset or the other settings say.
pub(super) const ELSEWHERE: &str = "elsewhere";
/// The input for settings without a field of their own.
pub(super) const OTHERS: &str = "others";
const ALGORITHMS: &str = "algorithms";
const PRESET: &str = "preset";
const PROVISIONINGS: [&str; 2] = ["auto", "existing_only"];

/// Inputs that are no [`Field`].
const CHOICES: [&str; 6] = [
    PRESET,
    KEYS_FROM,
    ALGORITHMS,
    "provisioning",
    "enabled",
    OTHERS,
];

#[cfg(test)]
mod tests;
