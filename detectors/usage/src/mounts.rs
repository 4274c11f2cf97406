//! Paths inside containers and the files outside that they are: mounts of Compose and Kubernetes, `docker run -v`, and
//! `COPY` of a Dockerfile, in the file that names them.

use super::text::Text;

/// Most mounts of a file.
const MOUNTS: usize = 256;

/// Lines after the start of an item that still belong to it.
const ITEM: usize = 6;

/// A place inside a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    inside: String,
    outside: String,
}

impl Mount {
    /// The file outside that is at this path inside.
    pub(super) fn outside(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.inside.as_str())?;
        let below = rest.is_empty() || rest.starts_with('/') || self.inside.ends_with('/');
        let outside = self.outside.trim_end_matches('/');
        below.then(|| {
            if rest.is_empty() { outside.to_owned() } else { format!("{outside}/{}", rest.trim_start_matches('/')) }
        })
    }
}

/// All mounts of a file.
pub(super) fn of(text: &Text) -> Vec<Mount> {
    let mut out = Vec::new();
    // Names of volumes and their paths, of Kubernetes.
    let mut inside: Vec<(&str, &str)> = Vec::new();
    let mut outside: Vec<(&str, &str)> = Vec::new();
    for number in 0..text.count() {
        let line = text.of_line(number).trim();
        if out.len() >= MOUNTS || inside.len() + outside.len() >= MOUNTS {
            break;
        }
        if let Some(copied) = line.strip_prefix("COPY ").or_else(|| line.strip_prefix("ADD ")) {
            out.extend(copy(copied));
            continue;
        }
        let short = line.strip_prefix("- ").map(unquoted).and_then(pair);
        let run = ["-v ", "--volume ", "--volume="].iter().find_map(|option| {
            let at = line.find(option)?;
            line.get(at + option.len()..)?.split_whitespace().next().map(unquoted).and_then(pair)
        });
        out.extend(short.or(run));
        let after = |key: &str| {
            let lines = (number..(number + ITEM).min(text.count())).map(|number| text.of_line(number).trim());
            lines.map(|line| line.trim_start_matches("- ")).find_map(|line| line.strip_prefix(key)).map(unquoted)
        };
        if let Some(source) = line.trim_start_matches("- ").strip_prefix("source:").map(unquoted)
            && let Some(target) = after("target:")
            && is_path(source)
        {
            out.push(Mount { inside: target.to_owned(), outside: source.to_owned() });
        }
        if let Some(mount) = line.trim_start_matches("- ").strip_prefix("mountPath:").map(unquoted) {
            let name = (number.saturating_sub(2)..number + 3).map(|number| text.of_line(number).trim());
            let name = name
                .map(|line| line.trim_start_matches("- "))
                .find_map(|line| line.strip_prefix("name:"))
                .map(unquoted);
            inside.extend(name.map(|name| (name, mount)));
        }
        if line.trim_start_matches("- ").starts_with("hostPath:") {
            let name = (number.saturating_sub(2)..number + 4).map(|number| text.of_line(number).trim());
            let name = name
                .map(|line| line.trim_start_matches("- "))
                .find_map(|line| line.strip_prefix("name:"))
                .map(unquoted);
            outside.extend(name.zip(after("path:")));
        }
    }
    for (name, mount) in inside {
        let of_volume = outside.iter().filter(|(other, _)| *other == name);
        out.extend(of_volume.map(|(_, path)| Mount { inside: mount.to_owned(), outside: (*path).to_owned() }));
    }
    out.truncate(MOUNTS);
    out
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

fn is_path(text: &str) -> bool {
    text.starts_with(['.', '/', '~']) || text.contains('/')
}

/// `HOST:CONTAINER[:ro]`.
fn pair(text: &str) -> Option<Mount> {
    let (outside, rest) = text.split_once(":/")?;
    let inside = rest.split(':').next()?;
    // `${PWD}/certs`, `$(pwd)/certs`: below the directory of the file.
    let outside = match outside.strip_prefix('$') {
        Some(variable) => variable.split_once('/').map_or(String::new(), |(_, rest)| format!("./{rest}")),
        None => outside.to_owned(),
    };
    let fits = !outside.is_empty() && !outside.contains([' ', '=']) && is_path(&outside);
    fits.then(|| Mount { inside: format!("/{}", unquoted(inside)), outside })
}

/// The operands of `COPY`.
fn copy(operands: &str) -> Vec<Mount> {
    // `COPY --from=build`: from another image.
    if operands.contains("--from=") || operands.starts_with('[') {
        return Vec::new();
    }
    let words: Vec<&str> = operands.split_whitespace().filter(|word| !word.starts_with("--")).collect();
    let Some((target, sources)) = words.split_last() else { return Vec::new() };
    let directory = target.ends_with('/') || sources.len() > 1;
    let mounts = sources.iter().map(|source| {
        let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
        let inside = if directory && name.contains('.') && name != "." {
            format!("{}/{name}", target.trim_end_matches('/'))
        } else {
            target.trim_end_matches('/').to_owned()
        };
        Mount { inside, outside: (*source).to_owned() }
    });
    mounts.filter(|mount| mount.inside.starts_with('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_leads_to_the_file_outside() {
        for (text, inside, outside) in [
            ("volumes:\n  - ./certs:/etc/certs:ro\n", "/etc/certs/a.key", Some("./certs/a.key")),
            ("volumes:\n  - \"./a.key:/run/k.key\"\n", "/run/k.key", Some("./a.key")),
            ("volumes:\n  - data:/etc/certs\n", "/etc/certs/a.key", None),
            ("- type: bind\n  source: ./pki\n  target: /pki\n", "/pki/x/a.key", Some("./pki/x/a.key")),
            ("COPY tls/a.key /etc/ssl/\n", "/etc/ssl/a.key", Some("tls/a.key")),
            ("COPY --chown=x tls /etc/ssl\n", "/etc/ssl/a.key", Some("tls/a.key")),
            ("COPY --from=build a.key /etc/ssl/\n", "/etc/ssl/a.key", None),
            ("docker run -v $(pwd)/auth:/auth registry\n", "/auth/a.key", Some("./auth/a.key")),
            (
                "volumeMounts:\n- name: k\n  mountPath: /keys\nvolumes:\n- name: k\n  hostPath:\n    path: /srv/keys\n",
                "/keys/a.pem",
                Some("/srv/keys/a.pem"),
            ),
            ("- ./certs:/etc/certs\n", "/etc/certificates/a.key", None),
        ] {
            let text = Text::of(text.as_bytes()).unwrap();
            let found = of(&text).iter().find_map(|mount| mount.outside(inside));
            assert_eq!(found.as_deref(), outside, "{}", text.str());
        }
    }
}
