//! `pomona sql` as people and scripts call it.

use std::fs;
use std::process::Command;

use crate::workplace::Workplace;

#[test]
fn data_goes_to_stdout_and_messages_to_stderr() {
    let place = Workplace::new();
    let ran = place
        .pomona(["sql", "--format", "csv", "-c", "SELECT 1 AS a, 'x' AS b"])
        .code(0);
    assert_eq!(ran.stdout(), "a,b\n1,x\n");
    assert!(
        ran.stderr().contains("1 row(s) fetched"),
        "{}",
        ran.stderr()
    );

    let quiet = place
        .pomona(["sql", "-q", "--format", "json", "-c", "SELECT 1 AS a"])
        .code(0);
    assert_eq!(quiet.stdout(), "[{\"a\":1}]\n");
    assert_eq!(quiet.stderr(), "");
}

#[test]
fn every_format_of_datafusion_cli() {
    let place = Workplace::new();
    let sql = "SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS t(a, b)";
    for (format, expected) in [
        ("csv", "a,b\n1,x\n2,\n"),
        ("tsv", "a\tb\n1\tx\n2\t\n"),
        ("json", "[{\"a\":1,\"b\":\"x\"},{\"a\":2}]\n"),
        ("nd-json", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n"),
        ("ndjson", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n"),
        (
            "table",
            "+---+------+\n| a | b    |\n+---+------+\n| 1 | x    |\n| 2 | NULL |\n+---+------+\n",
        ),
        (
            "automatic",
            "+---+------+\n| a | b    |\n+---+------+\n| 1 | x    |\n| 2 | NULL |\n+---+------+\n",
        ),
    ] {
        let ran = place
            .pomona(["sql", "-q", "--format", format, "-c", sql])
            .code(0);
        assert_eq!(ran.stdout(), expected, "{format}");
    }
}

#[test]
fn a_table_is_cut_at_maxrows_and_other_formats_are_not() {
    let place = Workplace::new();
    let sql = "SELECT value FROM generate_series(1, 1000)";
    let table = place.pomona(["sql", "-q", "-c", sql]).code(0).stdout();
    assert_eq!(
        table
            .lines()
            .filter(|line| line.contains(char::is_numeric))
            .count(),
        40
    );
    let csv = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0)
        .stdout();
    assert_eq!(csv.lines().count(), 1001);
    let all = place
        .pomona(["sql", "-q", "--maxrows", "inf", "-c", sql])
        .code(0)
        .stdout();
    assert_eq!(all.lines().count(), 1004);
}

#[test]
fn files_and_standard_input_hold_many_statements() {
    let place = Workplace::new();
    let sql =
        "-- a comment; with a semicolon\nCREATE TABLE t AS SELECT 'a;b' AS s;\nSELECT s FROM t;\n";
    fs::write(place.path("script.sql"), sql).unwrap();
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-f", "script.sql"])
        .code(0);
    assert_eq!(ran.stdout(), "s\na;b\n");

    let output = Command::new(env!("CARGO_BIN_EXE_pomona"))
        .args(["sql", "-q", "--format", "csv"])
        .stdin(fs::File::open(place.path("script.sql")).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "s\na;b\n");
}

#[test]
fn the_first_failing_statement_ends_with_exit_code_1() {
    let place = Workplace::new();
    fs::write(
        place.path("script.sql"),
        "SELECT 1 AS a; SELECT * FROM nowhere; SELECT 2 AS a;",
    )
    .unwrap();
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-f", "script.sql"])
        .code(1)
        .says("nowhere");
    assert_eq!(ran.stdout(), "a\n1\n");
    place
        .pomona(["sql", "-f", "missing.sql"])
        .code(1)
        .says("missing.sql");
}

#[test]
fn usage_errors_exit_with_2() {
    let place = Workplace::new();
    place.pomona(["run"]).code(2).says("--input");
    place
        .pomona(["sql", "--fromat", "csv"])
        .code(2)
        .says("--format");
    place
        .run(&["-i", "images", "-o", "out", "--components", "0"])
        .code(2);
    place
        .run(&["-i", "images", "-o", "out", "--max-error-rate", "2"])
        .code(2)
        .says("0 to 1");
    place.pomona(["nothing"]).code(2);

    // What clap cannot know, and no work is needed for; what is not there is an error of work.
    for (arguments, code, words) in [
        (
            &["--filter", "colour = 'red'"][..],
            2,
            "No field named colour",
        ),
        (
            &["--filter", "label"],
            2,
            "no condition on the columns of images",
        ),
        (&["--filter", "label = 'none'"], 1, "no image found"),
        (&["-k", "1281"], 2, "at most 1280"),
        (&["-o", "ftp://host/out"], 2, "ftp://host/out"),
        (&["-o", "images"], 2, "the same folder"),
    ] {
        let output: &[&str] = match arguments {
            ["-o", ..] => &[],
            _ => &["-o", "out"],
        };
        let run = ["run", "-i", "images", "--weights", place.weights()];
        let ran = place.pomona(run.iter().chain(output).chain(arguments));
        ran.code(code).says(words);
    }
    place.pomona(["report"]).code(2).says("--in DIR");
    place.pomona(["report", "~/out"]).code(2).says("~");
    place.pomona(["similar", "a.png", "--in", "s3://"]).code(2);
    place.pomona(["jobs"]).code(2).says("--scheduler");
    // Statements are work.
    let table = "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION '~/images'";
    place.pomona(["sql", "-c", table]).code(1).says("~");
}

#[test]
fn lists_are_json_text_in_csv_files_and_in_the_shell() {
    let place = Workplace::new();
    let rows = "SELECT 1 AS n, [1.5, NULL] AS v, named_struct('a', 'x') AS s";
    place.query(&format!("COPY ({rows}) TO 'nested.csv' STORED AS CSV"));
    let written = "n,v,s\n1,\"[1.5,null]\",\"{\"\"a\"\":\"\"x\"\"}\"\n";
    assert_eq!(
        std::fs::read_to_string(place.path("nested.csv")).unwrap(),
        written
    );
    assert_eq!(place.query(rows), written);
    assert_eq!(
        place.query(&format!("SELECT * FROM ({rows}) WHERE false")),
        "n,v,s\n"
    );
    let json = [
        "sql",
        "-q",
        "--format",
        "json",
        "-c",
        "SELECT 1 AS n WHERE false",
    ];
    assert_eq!(place.pomona(json).code(0).stdout(), "[]\n");
}

#[test]
fn marks_and_commands_are_read() {
    let place = Workplace::new();
    std::fs::write(place.path("bom.sql"), "\u{feff}SELECT 1 AS one").unwrap();
    std::fs::write(
        place.path("bang.sql"),
        "#!/usr/bin/pomona\nSELECT 1 AS one;\n\\d\n",
    )
    .unwrap();
    for arguments in [&["-f", "bom.sql"][..], &["-f", "bang.sql"]] {
        let call = ["sql", "-q", "--format", "csv"];
        let ran = place.pomona([&call, arguments].concat()).code(0);
        assert!(ran.stdout().starts_with("one\n1\n"), "{}", ran.stdout());
    }
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", "\\d"])
        .code(0);
    assert!(
        ran.stdout().contains("information_schema"),
        "{}",
        ran.stdout()
    );
    place
        .pomona(["sql", "-c", "\\nothing"])
        .code(1)
        .says("not a valid command");
}

#[test]
fn a_log_that_breaks_ends_no_run() {
    use std::process::Stdio;

    let place = Workplace::new();
    let line = [
        "run",
        "-i",
        "images",
        "-o",
        "out",
        "-k",
        "3",
        "--weights",
        place.weights(),
    ];
    let mut run = place.command(line);
    let (reader, writer) = std::io::pipe().unwrap();
    run.stderr(writer).stdout(Stdio::null());
    let mut child = run.spawn().unwrap();
    drop((reader, run));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(place.path("out/manifest.json").is_file());
}

#[test]
fn functions_are_listed() {
    let place = Workplace::new();
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", "\\h"])
        .code(0);
    for function in ["mobilenet_v2", "pca_fit", "abs", "images"] {
        let line = |line: &str| line.starts_with(&format!("{function},"));
        assert!(
            ran.stdout().lines().any(line),
            "no {function} in {}",
            ran.stdout()
        );
    }
}

#[test]
fn tables_without_a_definition_are_described() {
    let place = Workplace::new();
    let ask = |command: &str| {
        let ran = place.pomona(["sql", "-q", "--format", "csv", "-c", command]);
        ran.code(0).stdout()
    };
    let columns = "column_name,data_type,is_nullable\npath,Utf8,NO\n";
    for command in [
        "\\d images/",
        "\\d 'images/Apple Red/*.png'",
        "DESCRIBE 'images/'",
    ] {
        assert!(ask(command).starts_with(columns), "{command}");
    }
    assert!(ask("\\h images").contains("recursive => false"));
}
