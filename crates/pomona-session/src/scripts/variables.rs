//! `${name}` variables in SQL text, as Spark SQL and Hive have them.

use std::collections::BTreeMap;

use super::ScriptError;
use super::expressions::expressions;

/// The values of variables.
///
/// Inside a quoted string a value is escaped, so that a folder named `l'été` stays one string.
/// Elsewhere it must be an expression, or several with commas between them: it is parsed and printed
/// again, so that no value ends the statement that contains it. Comments are not substituted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, Value>,
}

/// A value, and whether it may be any SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// A value from a user.
    Given(String),
    /// SQL that Pomona wrote.
    Sql(String),
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Defines a variable.
    pub fn define(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.values.insert(name.into(), Value::Given(value.into()));
        self
    }

    /// Defines a variable as SQL that is inserted unchanged; only for text that Pomona generates.
    pub fn define_sql(&mut self, name: &str, sql: String) -> &mut Self {
        self.values.insert(name.to_string(), Value::Sql(sql));
        self
    }

    /// Defines a variable from `NAME=VALUE`.
    ///
    /// # Errors
    /// When the `=` or the name before it is missing.
    pub fn define_pair(&mut self, pair: &str) -> Result<&mut Self, ScriptError> {
        match pair.split_once('=') {
            Some((name, value)) if is_name(name) => Ok(self.define(name, value)),
            _ => Err(ScriptError::BadDefinition(pair.to_string())),
        }
    }

    /// Replaces every `${name}` in `sql`.
    ///
    /// # Errors
    /// When a variable is used that has no value, or, outside quotes, one that is no expression.
    pub fn substitute(&self, sql: &str) -> Result<String, ScriptError> {
        let mut result = String::with_capacity(sql.len());
        let mut place = Place::Code;
        let mut rest = sql;
        while let Some(character) = rest.chars().next() {
            if place != Place::Comment
                && let Some((name, after)) = variable(rest)
            {
                let value = self
                    .values
                    .get(name)
                    .ok_or_else(|| self.undefined(name, sql, rest))?;
                match (place, value) {
                    (Place::Quoted(quote), Value::Given(value) | Value::Sql(value)) => {
                        result.push_str(&value.replace(quote, &format!("{quote}{quote}")));
                    }
                    (_, Value::Sql(sql)) => result.push_str(sql),
                    (_, Value::Given(value)) => result.push_str(&expression(name, value)?),
                }
                rest = after;
                continue;
            }
            place = match (place, character) {
                (Place::Code, '\'' | '"') => Place::Quoted(character),
                (Place::Quoted(quote), _) if character == quote => Place::Code,
                (Place::Code, '-') if rest.starts_with("--") => Place::Comment,
                (Place::Comment, '\n') => Place::Code,
                _ => place,
            };
            result.push(character);
            rest = &rest[character.len_utf8()..];
        }
        Ok(result)
    }

    fn undefined(&self, name: &str, sql: &str, rest: &str) -> ScriptError {
        let before = &sql[..sql.len() - rest.len()];
        ScriptError::UndefinedVariable {
            name: name.to_string(),
            line: before.matches('\n').count() + 1,
            defined: self.values.keys().cloned().collect(),
        }
    }
}

fn expression(name: &str, value: &str) -> Result<String, ScriptError> {
    let taken = expressions(value).map_err(|reason| ScriptError::VariableValue {
        name: name.to_string(),
        value: value.to_string(),
        reason,
    })?;
    Ok(taken.join(", "))
}

/// The lexical context of a character of the SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Quoted(char),
    Comment,
}

/// The name of the variable at the start of `text`, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix("${")?.split_once('}')?;
    is_name(name).then_some((name, after))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::new();
        variables.define("k", "50").define("input", "l'été");
        variables
    }

    #[test]
    fn a_value_is_escaped_inside_quotes_alone() {
        let sql = variables()
            .substitute("LOCATION '${input}/a' LIMIT ${k}")
            .unwrap();
        assert_eq!(sql, "LOCATION 'l''été/a' LIMIT 50");
    }

    #[test]
    fn a_value_ends_no_statement() {
        let mut variables = Variables::new();
        variables.define("filter", "a = 1 OR b; DROP TABLE t");
        let error = variables.substitute("WHERE ${filter}").unwrap_err();
        assert!(error.to_string().contains("${filter}"), "{error}");
        variables
            .define("filter", "a = 1 OR b -- c")
            .define("columns", "path, label");
        let sql = variables.substitute("SELECT ${columns} WHERE ${filter} AND x");
        assert_eq!(sql.unwrap(), "SELECT path, label WHERE (a = 1 OR b) AND x");
    }

    #[test]
    fn comments_are_left_alone() {
        let sql = "-- it's ${nothing}\nSELECT ${k}";
        assert_eq!(
            variables().substitute(sql).unwrap(),
            "-- it's ${nothing}\nSELECT 50"
        );
    }

    #[test]
    fn an_undefined_variable_is_named_with_its_line() {
        let error = variables()
            .substitute("SELECT 1;\nSELECT ${other}")
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("line 2") && message.contains("-d other="),
            "{message}"
        );
    }

    #[test]
    fn a_doubled_quote_does_not_end_a_string() {
        let sql = variables().substitute("'it''s ${input}'").unwrap();
        assert_eq!(sql, "'it''s l''été'");
    }

    #[test]
    fn a_definition_needs_a_name_and_an_equals_sign() {
        assert!(Variables::new().define_pair("k").is_err());
        assert!(Variables::new().define_pair("=5").is_err());
        assert!(Variables::new().define_pair("k=a=b").is_ok());
    }
}
