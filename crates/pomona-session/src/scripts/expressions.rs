//! SQL expressions from users: parsed and printed again, so that an expression stays one expression.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::ScriptError;

/// The text of a condition as one expression, without comments.
///
/// # Errors
/// [`ScriptError::Condition`] when it is empty, no expression, or more than one.
pub fn condition(text: &str) -> Result<String, ScriptError> {
    let refused = |reason| ScriptError::Condition {
        condition: text.to_string(),
        reason,
    };
    match expressions(text).map_err(refused)?.as_slice() {
        [one] => Ok(one.clone()),
        several => Err(refused(format!(
            "it is {} expressions, separated by commas; join them with AND or OR",
            several.len()
        ))),
    }
}

/// The expressions of a list, each in parentheses or otherwise safe inside other SQL.
///
/// # Errors
/// The reason, when the text is empty or holds anything but expressions.
pub(super) fn expressions(text: &str) -> Result<Vec<String>, String> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
    let mut parser = parser.map_err(|error| reason(&error))?;
    if parser.peek_token() == Token::EOF {
        return Err("it is empty".to_string());
    }
    let parsed = parser
        .parse_comma_separated(Parser::parse_expr)
        .map_err(|error| reason(&error))?;
    match parser.next_token().token {
        Token::EOF => Ok(parsed.iter().map(closed).collect()),
        more => Err(format!("an expression ends before '{more}'")),
    }
}

fn closed(expression: &Expr) -> String {
    match expression {
        Expr::Value(_)
        | Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::CompoundFieldAccess { .. }
        | Expr::Function(_)
        | Expr::Nested(_) => expression.to_string(),
        open => format!("({open})"),
    }
}

fn reason(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => reason.clone(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_one_expression() {
        for (given, taken) in [
            ("label = 'l''été'", "(label = 'l''été')"),
            ("label = 'a' -- and more", "(label = 'a')"),
            ("a OR b", "(a OR b)"),
            ("true", "true"),
            (
                "starts_with(path, 's3://b/')",
                "starts_with(path, 's3://b/')",
            ),
        ] {
            assert_eq!(condition(given).unwrap(), taken);
        }
        for refused in [
            "",
            "  -- nothing",
            "true; COPY (SELECT 42 AS x) TO 'y.csv'; SELECT 1",
            "true UNION ALL SELECT * FROM images",
            "true) UNION ALL (SELECT 1",
            "true LIMIT 3",
            "a = 1, b = 2",
            "label =",
            "'open",
        ] {
            let error = condition(refused).unwrap_err();
            assert!(matches!(error, ScriptError::Condition { .. }), "{refused}");
        }
    }
}
