//! Placeholders in place of a secret: examples, templates, masks.

use sha2::{Digest, Sha256};

use keyradius_core::hex::hex;
use keyradius_readers::chance::{distinct, repeats};

/// Words common in examples, which a random secret contains by chance once in billions; lower case.
const WORDS: [&[u8]; 14] = [
    b"example",
    b"placeholder",
    b"yourtoken",
    b"your_token",
    b"your-token",
    b"yourapi",
    b"your_api",
    b"changeme",
    b"redacted",
    b"xxxxxx",
    b"dummytoken",
    b"thisisnot",
    b"insertyour",
    b"replaceme",
];

/// Sequences that a random secret does not contain: alphabets and keyboard rows, lower case.
const RUNS: [&[u8]; 7] =
    [b"0123456789", b"1234567890", b"abcdefghij", b"zyxwvutsrq", b"9876543210", b"qwertyuiop", b"deadbeefdeadbeef"];

/// Minimum number of distinct bytes in the body of a random secret of 16 bytes or more.
const DIFFERENT: usize = 7;

/// Whether a token is a placeholder rather than random: an example, a mask, a keyboard row.
pub(super) fn is_placeholder(token: &[u8]) -> bool {
    let lower = token.to_ascii_lowercase();
    let holds = |part: &&'static [u8]| memchr::memmem::find(&lower, part).is_some();
    if WORDS.iter().any(holds) || RUNS.iter().any(holds) {
        return true;
    }
    // Random text over 16 or more symbols does not repeat one byte six times in a row.
    if token.windows(6).any(|six| six.iter().all(|b| Some(b) == six.first())) {
        return true;
    }
    let body = token.get(token.len() / 4..).unwrap_or(token);
    distinct(body) < DIFFERENT.min(token.len() / 2) || repeats(body)
}

/// Whether a password in an address is a placeholder.
pub(super) fn is_placeholder_password(password: &[u8]) -> bool {
    const WHOLE: [&[u8]; 34] = [
        b"password",
        b"passwd",
        b"pass",
        b"pwd",
        b"secret",
        b"changeme",
        b"change_me",
        b"change-me",
        b"postgres",
        b"mysql",
        b"root",
        b"admin",
        b"user",
        b"username",
        b"test",
        b"testing",
        b"guest",
        b"example",
        b"default",
        b"docker",
        b"dbpass",
        b"db_pass",
        b"dbpassword",
        b"db_password",
        b"mypassword",
        b"mypass",
        b"yourpassword",
        b"your_password",
        b"your-password",
        b"redis",
        b"rabbitmq",
        b"mongodb",
        b"token",
        b"s3cr3t",
    ];
    let lower = password.to_ascii_lowercase();
    let template =
        |byte: &u8| matches!(byte, b'$' | b'{' | b'}' | b'<' | b'>' | b'%' | b'[' | b']' | b'(' | b')' | b'*');
    WHOLE.contains(&lower.as_slice())
        || WORDS.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
        || [&b"password"[..], b"passwort", b"secret", b"....", b"xxx", b"1234", b"pass_", b"_pass"]
            .iter()
            .any(|part| memchr::memmem::find(&lower, part).is_some())
        // `%40` is percent-encoding; any other use of a percent sign is a template.
        || password.iter().any(|b| template(b) && *b != b'%')
        || percent_template(password)
        || distinct(password) < 4
        // SOME_NAME, some_name: the name of a variable.
        || (lower.len() > 5 && lower.iter().all(|b| b.is_ascii_lowercase() || *b == b'_') && lower.contains(&b'_'))
}

/// Whether a percent sign is not followed by two hex digits.
fn percent_template(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text)
        .any(|at| !text.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)))
}

/// Whether the token is a published example, compared by SHA-256.
pub(super) fn is_published(token: &[u8], digests: &[String]) -> bool {
    !digests.is_empty() && digests.contains(&hex(&Sha256::digest(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_placeholders() {
        for (token, placeholder) in [
            ("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true),
            ("AKIAIOSFODNN7EXAMPLE", true),
            ("npm_000000000000000000000000000000000000", true),
            ("glpat-abcdefghijklmnopqrst", true),
            ("sk-ant-api03-YourTokenYourTokenYourToken", true),
            ("hf_aBcDaBcDaBcDaBcDaBcDaBcDaBcDaBcDaB", true),
            ("0123456789abcdef0123456789abcdef", true),
            ("AKIA2OGYBAH6STMMNXNN", false),
            ("q5hX8vKd2mZr7TbNw3Lc", false),
            ("7f3d9a01c4e85b62d0f19e73ab46c8d2", false),
        ] {
            assert_eq!(is_placeholder(token.as_bytes()), placeholder, "{token}");
        }
    }

    #[test]
    fn password_placeholders() {
        for (password, placeholder) in [
            ("password", true),
            ("${DB_PASSWORD}", true),
            ("<password>", true),
            ("%s", true),
            ("{{pw}}", true),
            ("****", true),
            ("DB_PASS", true),
            ("my_db_user", true),
            ("postgres", true),
            ("1234", true),
            ("aaaaaa", true),
            ("tr0ub4dor", false),
            ("h8%40Kp2w", false),
            ("Zx9-qRt!v", false),
        ] {
            assert_eq!(is_placeholder_password(password.as_bytes()), placeholder, "{password}");
        }
    }
}
