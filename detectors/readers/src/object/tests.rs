//! Tests of `object`: notations, enclosing objects, digits and damaged input.

use super::*;

fn around(text: &str) -> Option<Object<'_>> {
    Object::around(text.as_bytes(), text.find("kty").unwrap(), &mut 0)
}

#[test]
fn one_object_in_every_notation() {
    let json = r#"{"kty":"OKP","use":"a\"}b","x":"AAEC","n":7,"o":{"x":"!"},"a":[{"x":1},"]"]}"#;
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let plain = r#"{"kty":"OKP","x":"AAEC","n":7}"#;
    for text in [
        json.to_owned(),
        json.replace(',', " ,\n  ").replace(':', " : "),
        format!("{{\"env\": \"{}\"}}", escape(json)),
        format!("{{\"env\": \"{}\"}}", escape(&format!("{{\"env\": \"{}\"}}", escape(json)))),
        format!("{{\"env\": \"{}\"}}", escape(&plain.replace(',', ",\n  ")).replace('\n', "\\n")),
        "const k = {kty: 'OKP', x: 'AAEC', n: 7};".to_owned(),
        "k = {'kty': 'OKP', 'x': 'AAEC', 'n': 7}".to_owned(),
        "{ \"kty\" => \"OKP\", \"x\" => \"AAEC\", :n => 7 }".to_owned(),
        "{ // a comment\n kty: \"OKP\", /* } */ x: \"AA\" +\n \"EC\", n: 7, }".to_owned(),
        format!("String k = \"{}\";", escape(plain).replace(',', ",\"\n    + \"")),
        format!("k = ('{}')", plain.replace(',', ",'\n    '")),
        "{\"kty\":\"OKP\",\"x\":\"AA\n   EC\",\"n\":7}".to_owned(),
        "{\"kty\": \"OKP\",\n \"x\": \"AA\"\n      \"EC\", \"n\": 7}".to_owned(),
        "keys:\n  - n: 7\n    kty: OKP\n    x: \"AAEC\"\n  - kty: EC\n    x: no\n".to_owned(),
        "jwk:\n  kty: OKP\n  x: AAEC\n  n: 7\nother: 1\n".to_owned(),
    ] {
        let object = around(&text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(object.text("kty"), Some(&b"OKP"[..]), "{text}");
        assert_eq!(object.base64("x").as_deref(), Some(&vec![0, 1, 2]), "{text}");
        assert_eq!(object.text("n"), Some(&b"7"[..]), "{text}");
        assert_eq!(object.text("y"), None);
    }
    let object = around(json).unwrap();
    assert_eq!(object.span, 0..json.len());
    assert_eq!(object.object("O").and_then(|inner| inner.text("x")), Some(&b"!"[..]));
    assert!(matches!(object.get("a"), Some(Value::Array)));
}

#[test]
fn enclosing_objects_are_found_from_the_inside_out() {
    let text = r#"{"id":"a","crypto":{"kdf":"b","p":{"kty":1}}}"#;
    let objects: Vec<_> = Object::enclosing(text.as_bytes(), text.find("kty").unwrap(), &mut 0).collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects.last().unwrap().text("id"), Some(&b"a"[..]));
}

#[test]
fn braces_in_strings_hide_no_object() {
    for kid in ["a}b", "{a", "}{", "{{{", "}}}", "{\\\"}", "{:\\\"{"] {
        for text in [
            format!("{{\"kid\":\"{kid}\",\"n\":{{\"x\":\"{kid}\"}},\"kty\":\"EC\"}}"),
            format!("{{\"{kid}\":1,\"all\":[{{\"kid\":\"{kid}\",\"kty\":\"EC\"}}],\"{kid}\":2}}"),
            format!("{{\n  \"kid\": \"{kid}\",\n  \"kty\": \"EC\"\n}}\n"),
            format!(
                "{{\"keys\": [{{\"kid\": \"{kid}\", \"kty\": \"EC\"}}, {{\"kid\": \"{kid}\", \"kty\": \"RSA\"}}]}}"
            ),
            format!("{{\"a\": {{\"note\": \"{kid}\", \"kty\": \"EC\"}}, \"b\": {{\"note\": \"{kid}\"}}}}"),
        ] {
            let at = text.find("kty").unwrap();
            let object = Object::around(text.as_bytes(), at, &mut 0).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(object.text("kty"), Some(&b"EC"[..]), "{text}");
            let inner = Object::enclosing(text.as_bytes(), at, &mut 0).find_map(|outer| outer.text("kty"));
            assert_eq!(inner, Some(&b"EC"[..]), "{text}");
        }
    }
}

#[test]
fn digits_and_nothing_else() {
    for (text, bytes) in [
        ("AAEC", Some(vec![0, 1, 2])),
        ("AAECAw==", Some(vec![0, 1, 2, 3])),
        ("AA\\n  EC", Some(vec![0, 1, 2])),
        ("-_8", Some(vec![0xfb, 0xff])),
        ("+\\/8", Some(vec![0xfb, 0xff])),
        ("AA\" +\n  \"EC", Some(vec![0, 1, 2])),
        ("", None),
        ("A", None),
        ("AAECA", None),
        ("AAEC...", None),
        ("<n>", None),
        ("AA=EC", None),
    ] {
        assert_eq!(decode(text.as_bytes()).map(|b| b.to_vec()), bytes, "{text}");
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let text = br#"{"a":{"b":[1,{"c":"d"}]},"kty":"OKP","x":"AAEC"}"#;
    for at in 0..text.len() {
        for wrong in *b"\0\n\\\"'{}[]:," {
            let mut bytes = text.to_vec();
            bytes[at] = wrong;
            let _ = Object::around(&bytes, 28, &mut 0);
            let _ = Object::enclosing(&bytes, 28, &mut 0).count();
        }
        let _ = Object::around(&text[..at], at, &mut 0);
    }
    let deep = "{\"a\":".repeat(40_000);
    let mut work = 0;
    assert!(Object::around(deep.as_bytes(), deep.len(), &mut work).is_none());
    assert!((MAX_UNCOUNTED / 16..4 * MAX_UNCOUNTED).contains(&work), "{work}");
    assert_eq!(Object::enclosing(deep.as_bytes(), deep.len(), &mut work).count(), 0);
    assert!(work < 64 * MAX_UNCOUNTED, "{work}");
}
