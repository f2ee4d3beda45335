//! Reads a settings file.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pomona_weights::NAMES;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::keys::{Key, Kind};
use super::nearest::nearest;

/// The settings of a file.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    settings: Vec<Setting>,
}

/// A setting with its place.
#[derive(Debug)]
pub(crate) struct Setting {
    key: String,
    /// The value as an argument of its flag.
    pub(crate) value: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

impl SettingsFile {
    /// Reads a file and checks every setting in it.
    pub(crate) fn read(path: &Path, keys: &[Key]) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let reader = Reader {
            path,
            text: &text,
            keys,
        };
        Ok(Self {
            path: path.to_path_buf(),
            settings: reader.settings()?,
        })
    }

    /// The entry of the file for a setting.
    pub(crate) fn get(&self, key: &Key) -> Option<&Setting> {
        let path = key.path();
        self.settings.iter().find(|setting| setting.key == path)
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    keys: &'a [Key],
}

impl Reader<'_> {
    fn settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            path: self.path.to_path_buf(),
            line: error.span().map_or(1, |span| self.line(&span)),
            message: error.message().to_string(),
        })?;
        let mut settings = vec![];
        for (name, value) in table.get_ref() {
            let section = self
                .keys
                .iter()
                .find_map(|key| key.section().filter(|s| s == name.get_ref()));
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => {
                    for (name, value) in table {
                        settings.push(self.setting(
                            Some(section),
                            name.get_ref(),
                            &name.span(),
                            value,
                        )?);
                    }
                }
                (Some(section), other) => {
                    return Err(ConfigError::WrongType {
                        path: self.path.to_path_buf(),
                        line: self.line(&name.span()),
                        key: section.to_string(),
                        expected: "a table",
                        found: called(other),
                    });
                }
                (None, _) => {
                    settings.push(self.setting(None, name.get_ref(), &name.span(), value)?);
                }
            }
        }
        Ok(settings)
    }

    fn setting(
        &self,
        section: Option<&str>,
        name: &str,
        place: &Range<usize>,
        value: &Spanned<DeValue>,
    ) -> Result<Setting, ConfigError> {
        let path = self.path.to_path_buf();
        let line = self.line(place);
        let Some(key) = self
            .keys
            .iter()
            .find(|key| key.section() == section && key.name == name)
        else {
            return Err(ConfigError::UnknownKey {
                path,
                line,
                key: section
                    .map_or_else(|| name.to_string(), |section| format!("{section}.{name}")),
                nearest: match value.get_ref() {
                    DeValue::Table(_) => self.nearest_section(name),
                    _ => self.nearest(section, name),
                },
            });
        };
        let Some(value) = written(key.kind, value.get_ref()) else {
            return Err(ConfigError::WrongType {
                path,
                line,
                key: key.path(),
                expected: expected(key.kind),
                found: called(value.get_ref()),
            });
        };
        if let Some(reason) = key.refusal(&value) {
            return Err(ConfigError::BadValue {
                path,
                line,
                key: key.path(),
                value,
                reason,
            });
        }
        let value = match key.kind {
            Kind::Path if key.name == "weights" && NAMES.contains(&&*value) => value,
            Kind::Path => self.beside_file(key, value),
            _ => value,
        };
        Ok(Setting {
            key: key.path(),
            value,
            line,
        })
    }

    /// The setting with the nearest name; of two that are equally near, the one in the same table.
    fn nearest(&self, section: Option<&str>, name: &str) -> Option<String> {
        let beside = self.keys.iter().filter(|key| key.section() == section);
        // From the last: `run` stands behind the commands that share its settings.
        let elsewhere = self.keys.iter().rev();
        let elsewhere = elsewhere.filter(|key| key.section() != section);
        let found = nearest(name, beside.chain(elsewhere), |key| &key.name);
        found.map(Key::path)
    }

    fn nearest_section(&self, name: &str) -> Option<String> {
        let sections = self.keys.iter().filter_map(Key::section);
        let found = nearest(name, sections, |section| section);
        found.map(|section| format!("[{section}]"))
    }

    /// A path as it is from the file's folder. URLs stay as they are, and so do weights that are
    /// given by name.
    fn beside_file(&self, key: &Key, value: String) -> String {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let path = folder.join(&value);
        let is_name = key.name == "weights"
            && !value.contains('/')
            && !path.exists()
            && Path::new(&value).extension().is_none();
        if value.contains("://") || is_name {
            return value;
        }
        path.to_string_lossy().into_owned()
    }

    fn line(&self, place: &Range<usize>) -> usize {
        self.text[..place.start].matches('\n').count() + 1
    }
}

/// The value as an argument of the flag, if it has the right type.
fn written(kind: Kind, value: &DeValue) -> Option<String> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(value)) => Some(value.to_string()),
        (Kind::Number | Kind::Amount, DeValue::Integer(number)) => {
            let value = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(value.to_string())
        }
        (Kind::Number | Kind::Amount, DeValue::Float(number)) => Some(number.as_str().to_string()),
        (Kind::Amount | Kind::Text | Kind::Path, DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "true or false",
        Kind::Number => "a number",
        Kind::Amount => "a number or a string",
        Kind::Text | Kind::Path => "a string",
    }
}

fn called(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
