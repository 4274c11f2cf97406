//! Tests of `session_secret`: secrets, and texts that are not secrets.

use sha2::{Digest, Sha256};

use super::*;
use crate::ask;
use keyradius_core::hex::hex;
use keyradius_readers::text::{base64, base64url};

fn noise(seed: u8, length: usize) -> Vec<u8> {
    let blocks = (0..=length / 32).flat_map(|block| Sha256::digest([seed, block as u8, 9]).to_vec());
    blocks.take(length).collect()
}

fn inspect(text: &str) -> Vec<Material> {
    ask::every(&SessionSecret, "settings", text)
}

#[test]
fn settings_as_people_write_them() {
    let (h128, h64, b64) = (hex(&noise(1, 64)), hex(&noise(2, 32)), base64(&noise(3, 32)));
    let url = base64url(&noise(4, 48));
    for text in [
        format!("SECRET_KEY = '{url}'"),
        format!("SECRET_KEY = \"django-insecure-{url}\""),
        format!("SECRET_KEY: str = \"{h64}\""),
        format!("export DJANGO_SECRET_KEY={url}\n"),
        format!("app.secret_key = b'{url}'"),
        format!("app.config['SECRET_KEY'] = '{url}'"),
        format!("SECRET_KEY = os.environ.get(\"SECRET_KEY\", \"{url}\")"),
        format!("production:\n  secret_key_base: {h128}\n"),
        format!("config.secret_key_base = '{h128}'"),
        format!("config :app, AppWeb.Endpoint,\n  secret_key_base: \"{b64}\","),
        format!("SECRET_KEY_BASE={h128}"),
        format!("Rails.application.config.secret_token = '{h128}'"),
        format!("APP_KEY=base64:{b64}=\nAPP_DEBUG=true\n"),
        format!("'key' => 'base64:{b64}=',"),
        format!("<env name=\"APP_KEY\" value=\"base64:{b64}=\"/>"),
        format!("$app['config']->set('app.key', 'base64:{b64}=');"),
        format!("<machineKey validationKey=\"{}\" decryptionKey=\"{h64}\" />", h128.to_uppercase()),
        format!("JWT_SECRET={h64}\nPORT=3000"),
        format!("jwt.secret={url}\n"),
        format!("app.jwtSecret = {url}"),
        format!("const jwtSecret = \"{url}\";"),
        format!("jwt:\n  expiry: 3600\n  secret: {url}\n"),
        format!("{{\n  \"Jwt\": {{\n    \"Issuer\": \"x\",\n    \"SecretKey\": \"{url}\"\n  }}\n}}"),
        format!("{{\\\"jwtSecret\\\": \\\"{url}\\\"}}"),
        format!("application:\n  security:\n    jwt:\n      secret-key: {h64}\n"),
        format!("SESSION_SECRET: \"{url}\""),
        format!("NEXTAUTH_SECRET=\"{b64}=\""),
        format!("define('JWT_AUTH_SECRET_KEY', '{url}');"),
        format!("###> symfony/framework-bundle ###\nAPP_ENV=dev\nAPP_SECRET={}\n", hex(&noise(5, 16))),
        format!("@Value(\"${{jwt.secret:{h64}}}\")"),
    ] {
        let found = inspect(&text);
        let [material] = found.as_slice() else { panic!("{}: {text}", found.len()) };
        assert!(matches!(material.identity, Some(Identity::Opaque(_))));
        assert_eq!(material.labels[0].kind, "setting");
        assert!(text.get(material.span.clone()).is_some(), "{text}");
    }
}

#[test]
fn copies_are_one_key() {
    let secret = hex(&noise(7, 32));
    let one = inspect(&format!("JWT_SECRET={secret}"));
    let other = inspect(&format!("jwt:\n  secret: '{secret}'\n"));
    assert_eq!(one[0].identity, other[0].identity);
}

#[test]
fn references_and_placeholders_stay_silent() {
    let url = base64url(&noise(4, 48));
    for text in [
        "SECRET_KEY = os.environ['SECRET_KEY']".to_owned(),
        "SECRET_KEY = get_random_secret_key()".to_owned(),
        "SECRET_KEY = 'changeme'".to_owned(),
        "JWT_SECRET=${JWT_SECRET_FROM_VAULT_OR_SOMEWHERE_ELSE_1234567890}".to_owned(),
        "JWT_SECRET=$(openssl rand -hex 32)".to_owned(),
        "jwt.secret=<your-base64-secret-goes-here-0123456789-0123456789>".to_owned(),
        "secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>".to_owned(),
        "jwtSecret: process.env.JWT_SECRET || config.jwtSecretFallback".to_owned(),
        "SESSION_SECRET=this-is-a-long-session-secret-for-our-development".to_owned(),
        format!("AWS_SECRET_KEY={url}"),
        format!("ACCESS_KEY=abc\nSECRET_KEY={url}"),
        format!("STRIPE_SECRET_KEY={url}"),
        format!("client_secret={url}"),
        format!("if jwtSecret == \"{url}\""),
        format!("class SessionTest < Base\n  def test_cookie\n    secret = \"{url}\"\n"),
        format!("secretName: {url}"),
        format!("JWT_SECRET_FILE={url}"),
        "<machineKey validationKey=\"AutoGenerate,IsolateApps\" />".to_owned(),
        "APP_KEY=base64:".to_owned(),
        "image = \"base64:\" + encode(data)".to_owned(),
        "JWT_SECRET=".to_owned(),
        "JWT_SECRET='".to_owned(),
        "secret".to_owned(),
    ] {
        assert!(inspect(&text).is_empty(), "{text}");
    }
}
