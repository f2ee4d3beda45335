# The commands of CONTRIBUTING.md: `just NAME`.

# List them
default:
    @just --list

# Formatting, lints, and all tests
check: fmt clippy test

# All tests
test *ARGS:
    cargo test --workspace {{ ARGS }}

# Formatting
fmt:
    cargo fmt --check

# Lints
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# One benchmark, with the profile that users run
bench NAME:
    cargo bench --profile dev --workspace --bench {{ NAME }}

# A program of crates/pomona-examples
example NAME *ARGS:
    cargo run --example {{ NAME }} {{ ARGS }}

# Write the results into tests/slt, then read the diff
slt-complete:
    POMONA_SLT_COMPLETE=1 cargo test --workspace slt

# Write what functions say of themselves into docs/src/sql-reference.md
docs-complete:
    POMONA_DOCS_COMPLETE=1 cargo test --workspace sql_reference

# Advisories, licences, versions and sources of the dependencies
deny:
    cargo deny check

# Amazon EMR without an account
emr:
    deploy/emr/tests/run
    deploy/emr/tests/namespaces --binary target/debug/pomona

# Everything that a release consists of, in target/dist
release:
    deploy/release/build
