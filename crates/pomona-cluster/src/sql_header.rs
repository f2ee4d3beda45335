//! The SQL of a query, beside the plan that a client sends.
//!
//! A header of the request has it, because the message is Ballista's and the options of a session would travel on to
//! each task. It is for people who look at the job, and is lost where it does not arrive.

use pomona_console::{redacted, shortened};
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::console::MOST_SQL;

/// Names that end in `-bin` have bytes for a value.
const NAME: &str = "pomona-sql-bin";

/// Puts a statement into the headers of a request, without its secrets and as far as it fits.
pub(crate) fn put_sql(headers: &mut MetadataMap, sql: &str) {
    let sql = shortened(&redacted(sql), MOST_SQL);
    headers.insert_bin(NAME, MetadataValue::from_bytes(sql.as_bytes()));
}

/// The statement in the headers of a request.
pub(crate) fn sql_of(headers: &MetadataMap) -> Option<String> {
    let bytes = headers.get_bin(NAME)?.to_bytes().ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_arrives_without_its_secrets() {
        let mut headers = MetadataMap::new();
        assert_eq!(sql_of(&headers), None);
        put_sql(&mut headers, "SELECT 'été', password = 'X1'");
        assert_eq!(sql_of(&headers).unwrap(), "SELECT 'été', password = '***'");
        put_sql(&mut headers, &"é".repeat(5000));
        assert!(sql_of(&headers).unwrap().len() <= MOST_SQL);
    }
}
