//! What sends: the attributes of the resource.
//!
//! Source: [Resource semantic conventions](https://opentelemetry.io/docs/specs/semconv/resource/).

use crate::OtlpOptions;

/// The attributes of the resource: what the options say, of a key that is there twice the latter; then what must be there.
pub(crate) fn attributes(options: &OtlpOptions) -> Vec<(String, String)> {
    let mut attributes: Vec<(String, String)> = Vec::with_capacity(options.resource.len() + 4);
    for (key, value) in &options.resource {
        match attributes.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => known.clone_from(value),
            None => attributes.push((key.clone(), value.clone())),
        }
    }
    let sdk = [
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "flowmeter"),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    let service = unknown_service();
    for (key, value) in [("service.name", &*service)].into_iter().chain(sdk) {
        if !attributes.iter().any(|(known, _)| known == key) {
            attributes.push((key.to_owned(), value.to_owned()));
        }
    }
    attributes
}

/// What a service is called that nobody named.
fn unknown_service() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    match path.file_name() {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
        None => "unknown_service".to_owned(),
    }
}
