//! Secrets with which applications sign sessions, cookies and tokens: `SECRET_KEY`, `secret_key_base`, `APP_KEY`,
//! `machineKey`, `JWT_SECRET` and similar.
//!
//! A secret has no structure to prove. A finding requires a known setting name (`data/session-secrets.toml`), a literal
//! value that is assigned to it, and that this value is hard to guess (`readers/symmetric.rs`). A reference to a value
//! stored elsewhere (a variable, a call, a template, a vault) is not a secret, nor is a placeholder. Such a key has no
//! public half: its identity is a digest, so that copies are recognised.

mod setting;
mod value;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::hex::unhex;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::object::decode;
use keyradius_readers::symmetric;
use zeroize::Zeroizing;

use setting::{Form, Rule, Setting};

/// Detects signing secrets of applications.
#[derive(Debug)]
pub(crate) struct SessionSecret;

static ABOUT: About = About {
    id: "session_secret",
    title: "Session or token signing secret",
    detects: "Secrets in settings of web frameworks that sign sessions, cookies and tokens: Django and Flask \
              SECRET_KEY, Rails and Phoenix secret_key_base, Laravel APP_KEY, ASP.NET machineKey, secrets for JWT, \
              sessions and cookies, in source code, environment files, YAML, JSON, XML and properties. The value must \
              be hard to guess (at least 80 bits by a cautious estimate).",
    blind_to: "Settings with other names, values that are read from elsewhere, and values that a person composed of \
               words: keyradius cannot distinguish those from examples. Secrets published in the documentation of \
               frameworks.",
    respond: "Whoever has the secret can log in as anyone. Set a new one on every node at once, without the old one \
              as a fallback, and end all sessions; for ASP.NET also look for code that was executed through view \
              state.",
    references: &["RFC 2104", "RFC 7518 3.2", "CWE-321", "CWE-798"],
};

const BASE64: Anchor = Anchor::anywhere(b"base64:");
const ANCHORS: [Anchor; 4] =
    [Anchor::anywhere(b"ecret"), Anchor::anywhere(b"SECRET"), Anchor::anywhere(b"validationKey"), BASE64];

/// The prefix that Django's `startproject` writes before a secret: not for production.
const DJANGO_DEV: &[u8] = b"django-insecure-";

impl Detector for SessionSecret {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let setting = if hit.anchor == BASE64 {
            Setting::before(blob.bytes, hit.at)
        } else {
            Setting::around(blob.bytes, hit.at)
        };
        let Some(setting) = setting else { return Ok(()) };
        let Some((rule, span)) = setting.rule().zip(value::at(blob.bytes, setting.value)) else { return Ok(()) };
        let value = blob.bytes.get(span.clone()).unwrap_or_default();
        let malformed = Malformed::new("signing secret", span.start);
        let identity = identity(rule, value).ok_or(malformed)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, setting.name.start..span.end);
        material.protection = Some(Protection::plaintext());
        material.identity = Some(identity);
        material.labels.push(Label::new("setting", blob.bytes.get(setting.name.clone()).unwrap_or_default()));
        material.labels.push(Label::new("used by", rule.used_by.as_bytes()));
        material.remarks.push(Remark::SymmetricSigner);
        if value.starts_with(DJANGO_DEV) {
            material.remarks.push(Remark::MadeByStartproject);
        }
        out.found(material);
        Ok(())
    }
}

/// The identity of a secret. `None` if the value is not a secret.
fn identity(rule: &Rule, value: &[u8]) -> Option<Identity> {
    if value.len() < rule.digits || value::is_placeholder(value) {
        return None;
    }
    let bytes: Zeroizing<Vec<u8>> = match rule.form {
        Form::Text => {
            symmetric::identity(value.strip_prefix(DJANGO_DEV).unwrap_or(value))?;
            Zeroizing::new(value.to_vec())
        }
        // ASP.NET modifiers follow the digits.
        Form::Hex => unhex(value.split(|b| *b == b',').next()?)?,
        Form::Base64 => decode(value.strip_prefix(b"base64:")?)?,
    };
    match rule.form {
        // The prefix contains a placeholder word, and the part after it has already been checked.
        Form::Text if value.starts_with(DJANGO_DEV) => symmetric::identity(value.strip_prefix(DJANGO_DEV)?),
        _ => symmetric::identity(&bytes),
    }
}

#[cfg(test)]
mod tests;
