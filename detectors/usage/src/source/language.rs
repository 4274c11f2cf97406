//! Programming languages: which files are in them, and the few properties that reading their words and strings needs.

use std::path::Path;

/// A programming language, or a family that is read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// C, C++ and Objective-C.
    C,
    CSharp,
    Elixir,
    Go,
    Java,
    /// Kotlin and Scala.
    Kotlin,
    Php,
    Python,
    Ruby,
    Rust,
    /// JavaScript and TypeScript.
    Script,
    /// Swift and Dart.
    Swift,
}

impl Language {
    /// The language of a file, by the extension of its name.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        Some(match extension {
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "m" | "mm" | "ino" => Self::C,
            "cs" => Self::CSharp,
            "ex" | "exs" => Self::Elixir,
            "go" => Self::Go,
            "java" => Self::Java,
            "kt" | "scala" => Self::Kotlin,
            "php" | "phpt" => Self::Php,
            "py" => Self::Python,
            "rb" => Self::Ruby,
            "rs" => Self::Rust,
            "js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx" => Self::Script,
            "swift" | "dart" => Self::Swift,
            _ => return None,
        })
    }

    /// The name of the language in `source.toml`.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::CSharp => "cs",
            Self::Elixir => "ex",
            Self::Go => "go",
            Self::Java => "java",
            Self::Kotlin => "kt",
            Self::Php => "php",
            Self::Python => "py",
            Self::Ruby => "rb",
            Self::Rust => "rs",
            Self::Script => "js",
            Self::Swift => "swift",
        }
    }

    /// Whether `#` starts a comment.
    pub(super) const fn hash_comments(self) -> bool {
        matches!(self, Self::Elixir | Self::Php | Self::Python | Self::Ruby)
    }

    /// Whether `//` and `/*` start comments.
    pub(super) const fn slash_comments(self) -> bool {
        !matches!(self, Self::Elixir | Self::Python | Self::Ruby)
    }

    /// Whether text in single quotes is a string and not one character.
    pub(super) const fn single_quotes(self) -> bool {
        matches!(self, Self::Elixir | Self::Php | Self::Python | Self::Ruby | Self::Script | Self::Swift)
    }

    /// Whether three quotes start a string of several lines.
    pub(super) const fn triple_quotes(self) -> bool {
        matches!(self, Self::CSharp | Self::Elixir | Self::Java | Self::Kotlin | Self::Python | Self::Swift)
    }

    /// Whether text in backquotes is a string.
    pub(super) const fn back_quotes(self) -> bool {
        matches!(self, Self::Go | Self::Script)
    }

    /// Whether an ordinary string may contain line ends.
    pub(super) const fn long_strings(self) -> bool {
        matches!(self, Self::Php | Self::Ruby | Self::Rust)
    }

    /// Whether a statement ends at the end of a line, unless it obviously continues.
    pub(super) const fn lines_end(self) -> bool {
        !matches!(self, Self::C | Self::CSharp | Self::Java | Self::Php | Self::Rust)
    }

    /// Whether `/` may start a regular expression.
    pub(super) const fn slash_patterns(self) -> bool {
        matches!(self, Self::Script | Self::Ruby)
    }
}
