//! Checks values against the published schemas: for tests of this crate and of the built binary.

use serde_json::Value;

/// The places where a value violates a schema. Supports the keywords that our schemas use; panics on others.
pub(crate) fn schema_faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, schema, value, "$", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|target| target.strip_prefix('#')).expect("a local reference");
                check(root, root.pointer(pointer).expect(pointer), value, at, faults);
            }
            "type" => {
                let named = |name: &Value| match name.as_str() {
                    Some("null") => value.is_null(),
                    Some("boolean") => value.is_boolean(),
                    Some("integer") => value.is_i64() || value.is_u64(),
                    Some("number") => value.is_number(),
                    Some("string") => value.is_string(),
                    Some("array") => value.is_array(),
                    Some("object") => value.is_object(),
                    _ => panic!("type {name}"),
                };
                if !rule.as_array().map_or_else(|| named(rule), |names| names.iter().any(named)) {
                    faults.push(format!("{at}: {value} is not of type {rule}"));
                }
            }
            "const" if rule != value => faults.push(format!("{at}: {value} is not {rule}")),
            "enum" if !rule.as_array().expect("enum").contains(value) => {
                faults.push(format!("{at}: {value} is not one of {rule}"));
            }
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" | "const" | "enum" => {}
            "minimum" | "maximum" => {
                let (limit, number) = (rule.as_f64().expect(keyword), value.as_f64());
                if number.is_some_and(|number| if keyword == "minimum" { number < limit } else { number > limit }) {
                    faults.push(format!("{at}: {value} beyond {keyword} {rule}"));
                }
            }
            "pattern" => {
                // Only the patterns `^prefix[0-9a-f]{n}$` and `^prefix` are used.
                let pattern = rule.as_str().expect("pattern").trim_start_matches('^');
                let (prefix, hex) = pattern.split_once("[0-9a-f]{").unwrap_or((pattern, ""));
                let rest = value.as_str().map(|text| text.strip_prefix(prefix));
                let digits: Option<usize> = hex.strip_suffix("}$").and_then(|n| n.parse().ok());
                let fits =
                    |rest: &str| digits.is_none_or(|n| rest.len() == n && rest.bytes().all(|b| b.is_ascii_hexdigit()));
                if rest.is_some_and(|rest| !rest.is_some_and(fits)) {
                    faults.push(format!("{at}: {value} does not match {rule}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}[{index}]"), faults);
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().expect("properties") {
                    if let Some(value) = value.get(name) {
                        check(root, rule, value, &format!("{at}.{name}"), faults);
                    }
                }
            }
            "required" => {
                for name in rule.as_array().expect("required").iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        faults.push(format!("{at}: no {name}"));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    if rule.is_object() {
                        check(root, rule, value, &format!("{at}.{name}"), faults);
                    } else if rule == &Value::Bool(false) {
                        faults.push(format!("{at}: {name} is not in the schema"));
                    }
                }
            }
            other => panic!("the schema uses {other}, which this check does not know"),
        }
    }
}
