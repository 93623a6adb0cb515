//! The file's JSON Schema for editors, generated from the types that read the file.
//!
//! It knows names, types and the shapes of texts. What several keys mean together is not in it;
//! `vestibule check` tells that.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::Config;

/// The schema of the whole file, in the draft that most editors know.
pub fn of_config() -> Schema {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Vestibule's configuration".into());
    // It has a default while the first listener is a loopback port.
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|key| key != "public_url");
    }
    // A place for anchors, which is not read.
    let for_anchors = serde_json::json!({ "^x-": {} });
    schema.insert("patternProperties".to_owned(), for_anchors);
    RecursiveTransform(write_defaults).transform(&mut schema);
    schema
}

/// Durations and sizes as a file writes them, and no default that a file would not have.
fn write_defaults(schema: &mut Schema) {
    let Some(default) = schema.get_mut("default") else {
        return;
    };
    let is_object = default.is_object();
    if let Some(duration) = serde_json::from_value(default.clone())
        .ok()
        .filter(|_| is_object)
    {
        *default = humantime::format_duration(duration).to_string().into();
    } else if let Some(size) = default.as_str().and_then(|text| text.strip_suffix("iB")) {
        *default = format!("{}iB", size.replace(".0 ", "")).into();
    } else if is_object || default.is_null() {
        schema.remove("default");
    }
}
