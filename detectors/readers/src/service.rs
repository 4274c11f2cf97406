//! Labels for a private key from the JSON that services issue to their clients: the owner of the key, and its id at the
//! service.

use keyradius_core::material::Label;

use super::object::Object;

/// Names of such fields, and of their labels. Google: client_email, project_id, private_key_id. Box: publicKeyID.
/// Yandex: service_account_id; key_algorithm is omitted. Others use keyId or kid.
const FIELDS: [(&str, &str); 8] = [
    ("client_email", "client email"),
    ("project_id", "project id"),
    ("private_key_id", "key id"),
    ("publicKeyID", "key id"),
    ("service_account_id", "service account"),
    ("keyId", "key id"),
    ("key_id", "key id"),
    ("kid", "key id"),
];

/// The labels from the object around a PEM block at `at`. Empty if the block is not a string in an object.
pub(crate) fn labels(bytes: &[u8], at: usize) -> Vec<Label> {
    let quoted = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|b| matches!(b, b'"' | b'\''));
    let object = quoted.then(|| Object::enclosing(bytes, at, &mut 0).next()).flatten();
    let Some(object) = object.filter(|object| object.span.contains(&at)) else { return Vec::new() };
    let label = |(field, kind): (&str, &'static str)| Some(Label::new(kind, object.text(field)?));
    FIELDS.into_iter().filter_map(label).filter(|label| !label.text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_key_it_is() {
        let json =
            r#"{"type": "service_account", "project_id": "p-1", "private_key": "-----BEGIN", "client_email": "a@b"}"#;
        let at = json.find("-----").unwrap();
        let pairs =
            |text: &str, at| labels(text.as_bytes(), at).into_iter().map(|l| (l.kind, l.text)).collect::<Vec<_>>();
        assert_eq!(pairs(json, at), [("client email", "a@b".to_owned()), ("project id", "p-1".to_owned())]);
        assert!(pairs("{\n-----BEGIN", 2).is_empty());
        assert!(pairs("key = \"-----BEGIN", 7).is_empty());
    }
}
