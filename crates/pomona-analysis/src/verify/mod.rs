//! [`Verification`]: two results side by side, of Pomona or of whatever else writes Parquet.

mod columns;
mod explanation;
mod side;

use datafusion::prelude::SessionContext;
use pomona_session::Variables;

pub use columns::ColumnNames;

use crate::AnalysisError;
use crate::lookup::{Lookup, Vectors};
use side::{Side, Table};

/// What is compared, and when it counts as equal.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyOptions {
    /// FinishedRun: a folder of Parquet files, with or without folders below it, or one file.
    pub here: String,
    /// The results to compare them with.
    pub against: String,
    /// The columns of `against`, where their names do not identify them.
    pub names: ColumnNames,
    /// What to compare; everything that both sides have if empty.
    pub columns: Vec<Vectors>,
    /// The largest difference of a feature.
    pub tolerance: f64,
    /// The largest difference of a principal component.
    pub pca_tolerance: f64,
    /// How many of the last parts of a path identify an image.
    pub path_parts: u32,
    /// Whether images may be missing on one side, or be there several times.
    pub allow_missing: bool,
}

/// Two results whose columns have been found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    lookup: Lookup,
    columns: Vec<Vectors>,
    remarks: Vec<String>,
}

impl Verification {
    /// Finds the columns of both sides.
    ///
    /// # Errors
    /// When a side cannot be read, when it is not clear which column is which, and when the two
    /// have nothing in common.
    pub async fn prepare(
        ctx: &SessionContext,
        options: &VerifyOptions,
    ) -> Result<Self, AnalysisError> {
        let here = Side::find(ctx, &options.here, &ColumnNames::default()).await?;
        let there = Side::find(ctx, &options.against, &options.names).await?;
        let mut this = Self {
            lookup: Lookup::new("verify"),
            columns: vec![],
            remarks: vec![],
        };
        for column in [Vectors::Features, Vectors::Pca] {
            if !options.columns.is_empty() && !options.columns.contains(&column) {
                continue;
            }
            match (here.table(column), there.table(column)) {
                (Some(here), Some(there)) => this.add(column, here, there, options)?,
                (None, None) => {}
                (one, _) => {
                    let only = if one.is_some() { &here } else { &there };
                    this.remarks.push(format!(
                        "{column} are in {} alone, so they are not compared",
                        only.location()
                    ));
                }
            }
        }
        if this.columns.is_empty() {
            return Err(AnalysisError::NothingToCompare {
                here: here.describe(),
                there: there.describe(),
            });
        }
        let verdicts: Vec<String> = this
            .columns
            .iter()
            .map(|column| format!("SELECT * FROM {column}_verdict"))
            .collect();
        let mut variables = Variables::new();
        variables.define_sql("verdicts", verdicts.join("\nUNION ALL\n"));
        this.lookup = this.lookup.with("verify", &variables)?;
        Ok(this)
    }

    /// The comparison: a row a column, with a `verdict` of `equal` or `differs`.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// What is known before anything is compared.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn add(
        &mut self,
        column: Vectors,
        here: &Table,
        there: &Table,
        options: &VerifyOptions,
    ) -> Result<(), AnalysisError> {
        let tolerance = match column {
            Vectors::Features => options.tolerance,
            Vectors::Pca => options.pca_tolerance,
        };
        let mut variables = Variables::new();
        variables
            .define("column", column.to_string())
            .define("parts", options.path_parts.to_string())
            .define("tolerance", tolerance.to_string())
            .define("allow_missing", options.allow_missing.to_string());
        for (side, table) in [("here", here), ("there", there)] {
            variables
                .define(side, &table.location)
                .define(format!("{side}_form"), table.form)
                .define(format!("{side}_path"), &table.path)
                .define(format!("{side}_vector"), &table.vector);
        }
        let lookup = std::mem::replace(&mut self.lookup, Lookup::new("verify"));
        self.lookup = lookup
            .with("verify_sides", &variables)?
            .with(&format!("verify_{column}"), &variables)?;
        self.columns.push(column);
        Ok(())
    }
}
