//! The generated parts of the SQL reference, as Markdown.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::config::ExtensionOptions;
use datafusion::logical_expr::type_coercion::functions::{UDFCoercionExt, fields_with_udf};
use datafusion::logical_expr::{Documentation, Signature, TypeSignature};
use datafusion::prelude::SessionContext;
use pomona_functions::{FEATURE_LEN, PomonaOptions, model_type, moments_type};
use pomona_images::documentation::{COLUMNS, OPTIONS};
use pomona_images::image_schema;

use crate::engine::local_session;

/// Every part, by the name of its place.
pub fn parts() -> Result<Vec<(&'static str, String)>> {
    let functions = functions()?;
    let section = |label: &str| {
        let of_section = functions.iter().filter(|f| f.section() == label);
        let rendered: Result<Vec<String>> = of_section.map(FunctionPage::render).collect();
        anyhow::Ok(rendered?.join("\n"))
    };
    Ok(vec![
        ("columns", columns()),
        ("table options", table_options()),
        ("image functions", section("Image Functions")?),
        ("pca functions", section("PCA Functions")?),
        ("vector functions", section("Vector Functions")?),
        ("string functions", section("String Functions")?),
        ("model", fields(&model_type())),
        ("moments", fields(&moments_type())),
        ("session options", session_options()),
    ])
}

/// A function that Pomona adds to DataFusion.
pub struct FunctionPage {
    name: String,
    kind: &'static str,
    documentation: Documentation,
    arguments: Vec<Vec<DataType>>,
    returns: DataType,
}

/// Every function that a Pomona session has and DataFusion has not, by name.
pub fn functions() -> Result<Vec<FunctionPage>> {
    let ours = local_session("")?.state();
    let theirs = SessionContext::new().state();
    let mut functions = vec![];
    for (name, function) in ours.scalar_functions() {
        // Other names of a function stand in its documentation.
        let is_alias = name != function.name();
        if !is_alias && !theirs.scalar_functions().contains_key(name) {
            let examples = examples(function.signature());
            functions.push(FunctionPage {
                name: name.clone(),
                kind: "Scalar",
                documentation: function.documentation().context(name.clone())?.clone(),
                arguments: arguments(function.as_ref(), &examples),
                returns: function.return_type(&examples[0])?,
            });
        }
    }
    for (name, function) in ours.aggregate_functions() {
        if !theirs.aggregate_functions().contains_key(name) {
            let examples = examples(function.signature());
            functions.push(FunctionPage {
                name: name.clone(),
                kind: "Aggregate",
                documentation: function.documentation().context(name.clone())?.clone(),
                arguments: arguments(function.as_ref(), &examples),
                returns: function.return_type(&examples[0])?,
            });
        }
    }
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(functions)
}

impl FunctionPage {
    fn section(&self) -> &str {
        self.documentation.doc_section.label
    }

    /// The statements of the example, without prompts.
    pub fn example(&self) -> String {
        let example = self.documentation.sql_example.as_deref().unwrap_or("");
        let lines = example.lines().filter(|line| !line.starts_with("```"));
        let statements = lines.map(|line| line.strip_prefix("> ").unwrap_or(line));
        statements.collect::<Vec<_>>().join("\n")
    }

    fn render(&self) -> Result<String> {
        let documentation = &self.documentation;
        let (meaning, errors) = split_errors(&documentation.description);
        let errors = errors.with_context(|| {
            format!(
                "{}: the description ends with a sentence that begins with 'Fails' or 'Never fails'",
                self.name
            )
        })?;
        let mut text = format!("### `{}`\n\n", self.name);
        text += &format!("{meaning}\n\n");
        text += &format!(
            "{}: `{}`. Returns {}.\n\n",
            self.kind,
            documentation.syntax_example,
            type_name(&self.returns)
        );
        text += "| argument | types | meaning |\n|---|---|---|\n";
        let described = documentation.arguments.iter().flatten();
        for ((name, meaning), types) in described.zip(&self.arguments) {
            let types: Vec<_> = types.iter().map(type_name).collect();
            text += &format!("| `{name}` | {} | {meaning} |\n", types.join(", "));
        }
        text += &format!("\n{errors}\n\n```sql\n{}\n```\n", self.example());
        Ok(text)
    }
}

/// A description without its last sentence, and that sentence, if it is about errors.
fn split_errors(description: &str) -> (&str, Option<&str>) {
    let sentence = ["Fails ", "Never fails "]
        .iter()
        .find_map(|begin| description.rfind(begin));
    match sentence {
        Some(start) => (description[..start].trim_end(), Some(&description[start..])),
        None => (description, None),
    }
}

/// The argument types that a signature names, one list a way to call.
fn examples(signature: &Signature) -> Vec<Vec<DataType>> {
    fn collect(signature: &TypeSignature, into: &mut Vec<Vec<DataType>>) {
        match signature {
            TypeSignature::OneOf(all) => all.iter().for_each(|one| collect(one, into)),
            TypeSignature::Exact(types) => into.push(types.clone()),
            TypeSignature::Uniform(count, types) => {
                into.extend(types.iter().map(|one| vec![one.clone(); *count]));
            }
            TypeSignature::String(count) => into.push(vec![DataType::Utf8; *count]),
            _ => {}
        }
    }
    let mut found = vec![];
    collect(&signature.type_signature, &mut found);
    found
}

/// The types that each argument takes: those of the signature, and for vectors those of other
/// layouts that planning lets through.
fn arguments(function: &impl UDFCoercionExt, examples: &[Vec<DataType>]) -> Vec<Vec<DataType>> {
    let longest = examples.iter().max_by_key(|types| types.len());
    let Some(longest) = longest else {
        return vec![];
    };
    (0..longest.len())
        .map(|position| {
            let mut types: Vec<DataType> = vec![];
            let named = examples.iter().filter_map(|types| types.get(position));
            let list_layouts = match &longest[position] {
                DataType::List(item) if item.data_type().is_floating() => layouts(),
                _ => vec![],
            };
            for data_type in named.cloned().chain(list_layouts) {
                let mut call = longest.clone();
                call[position] = data_type.clone();
                let call: Vec<FieldRef> = call
                    .into_iter()
                    .map(|data_type| Arc::new(Field::new("argument", data_type, true)))
                    .collect();
                if !types.contains(&data_type) && fields_with_udf(&call, function).is_ok() {
                    types.push(data_type);
                }
            }
            types
        })
        .collect()
}

fn layouts() -> Vec<DataType> {
    let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
    let lists = [DataType::Float32, DataType::Float64]
        .into_iter()
        .flat_map(|number| {
            [
                DataType::List(item(number.clone())),
                DataType::LargeList(item(number)),
            ]
        });
    let fixed = DataType::FixedSizeList(item(DataType::Float32), FEATURE_LEN as i32);
    lists.chain([fixed]).collect()
}

fn columns() -> String {
    let mut text = "| column | type | NULL | meaning |\n|---|---|---|---|\n".to_string();
    for (field, meaning) in image_schema().fields().iter().zip(COLUMNS) {
        text += &format!(
            "| `{}` | {} | {} | {meaning} |\n",
            field.name(),
            type_name(field.data_type()),
            if field.is_nullable() {
                "possible"
            } else {
                "never"
            },
        );
    }
    text
}

fn table_options() -> String {
    let mut text = "| option | default | meaning |\n|---|---|---|\n".to_string();
    for option in OPTIONS {
        text += &format!(
            "| `{}` | {} | {} |\n",
            option.name, option.default, option.meaning
        );
    }
    text
}

fn session_options() -> String {
    let mut text = "| option | default | meaning |\n|---|---|---|\n".to_string();
    let mut entries = PomonaOptions::default().entries();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    for entry in entries {
        let default = entry.value.filter(|value| !value.is_empty());
        let default = default.map_or(String::new(), |value| format!("`{value}`"));
        text += &format!(
            "| `pomona.{}` | {default} | {} |\n",
            entry.key.trim_start_matches("pomona."),
            entry.description
        );
    }
    text
}

fn fields(data_type: &DataType) -> String {
    let mut text = "| field | type |\n|---|---|\n".to_string();
    if let DataType::Struct(fields) = data_type {
        for field in fields {
            text += &format!(
                "| `{}` | {} |\n",
                field.name(),
                type_name(field.data_type())
            );
        }
    }
    text
}

fn type_name(data_type: &DataType) -> String {
    if *data_type == model_type() {
        "a [model](#the-model)".to_string()
    } else if *data_type == moments_type() {
        "[moments](#the-moments)".to_string()
    } else {
        format!("`{}`", plain_name(data_type))
    }
}

fn plain_name(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) => format!("List<{}>", plain_name(item.data_type())),
        DataType::LargeList(item) => format!("LargeList<{}>", plain_name(item.data_type())),
        DataType::FixedSizeList(item, length) => {
            format!("FixedSizeList<{}, {length}>", plain_name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), plain_name(field.data_type())))
                .collect();
            format!("Struct({})", fields.join(", "))
        }
        DataType::Timestamp(unit, Some(zone)) => format!("Timestamp({unit:?}, {zone})"),
        other => other.to_string(),
    }
}

#[test]
fn no_function_of_datafusion_is_ours() {
    let names: BTreeSet<String> = functions().unwrap().into_iter().map(|f| f.name).collect();
    assert!(
        names.contains("pca_fit") && names.contains("mobilenet_v2"),
        "{names:?}"
    );
    assert!(
        !names.contains("abs") && !names.contains("avg"),
        "{names:?}"
    );
}
