//! Settings: files, variables and flags, and which of them wins.

use std::fs;

use crate::workplace::Workplace;

/// Writes a settings file, with the folders above it.
fn write(place: &Workplace, path: &str, text: &str) {
    let path = place.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The line of `config show --origin` for a setting.
fn shown(place: &Workplace, setting: &str, flags: &[&str]) -> String {
    let arguments = ["config", "show", "--origin"].iter().chain(flags);
    let all = place.pomona(arguments).code(0).stdout();
    let setting = format!("\t{setting} = ");
    let line = all.lines().find(|line| line.contains(&setting));
    line.unwrap_or_else(|| panic!("no {setting} in {all}"))
        .to_string()
}

#[test]
fn flag_then_environment_then_project_then_user() {
    let place = Workplace::new();
    let project = place.path("pomona.toml");
    let user = place.path(".config/pomona/config.toml");
    assert_eq!(shown(&place, "color", &[]), "default\tcolor = \"auto\"");

    write(
        &place,
        ".config/pomona/config.toml",
        "# mine\ncolor = \"never\"\n",
    );
    let line = shown(&place, "color", &[]);
    assert_eq!(
        line,
        format!("file:{}:2\tcolor = \"never\"", user.display())
    );

    write(&place, "pomona.toml", "color = \"always\"\n");
    let line = shown(&place, "color", &[]);
    assert_eq!(
        line,
        format!("file:{}:1\tcolor = \"always\"", project.display())
    );

    let place = place.with_environment([("POMONA_COLOR", "never".to_string())]);
    let line = shown(&place, "color", &[]);
    assert_eq!(line, "environment:POMONA_COLOR\tcolor = \"never\"");
    let line = shown(&place, "color", &["--color", "auto"]);
    assert_eq!(line, "flag:--color\tcolor = \"auto\"");
}

#[test]
fn commands_do_what_the_settings_say() {
    let place = Workplace::new();
    let select = ["sql", "-c", "SELECT 1 AS a"];
    write(
        &place,
        ".config/pomona/config.toml",
        "quiet = true\n[sql]\nformat = \"tsv\"\n",
    );
    assert_eq!(place.pomona(select).code(0).stdout(), "a\n1\n");
    write(&place, "pomona.toml", "sql.format = \"json\"\n");
    let ran = place.pomona(select).code(0);
    assert_eq!(ran.stdout(), "[{\"a\":1}]\n");
    assert_eq!(ran.stderr(), "");
    let place = place.with_environment([("POMONA_SQL_FORMAT", "nd-json".to_string())]);
    assert_eq!(place.pomona(select).code(0).stdout(), "{\"a\":1}\n");
    let flag = ["sql", "--format", "csv", "-c", "SELECT 1 AS a"];
    assert_eq!(place.pomona(flag).code(0).stdout(), "a\n1\n");
}

#[test]
fn a_run_can_come_from_the_project_alone() {
    let place = Workplace::new();
    let settings = "weights = \"random.safetensors\"\n[run]\ninput = \"images\"\n\
                    output = \"out\"\ncomponents = 2\nlimit = 6\n";
    write(&place, "pomona.toml", settings);
    // Paths are relative to the file, which is found from below.
    fs::create_dir(place.path("below")).unwrap();
    let output = place
        .command(["run"])
        .current_dir(place.path("below"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let info = fs::read(place.path("out/model_info.json")).unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["n_samples"], 6);
    assert_eq!(info["explained_variance"].as_array().unwrap().len(), 2);
}

#[test]
fn a_given_file_stands_for_the_project() {
    let place = Workplace::new();
    write(&place, "pomona.toml", "[sql]\nformat = \"json\"\n");
    write(&place, "other.toml", "[sql]\nformat = \"csv\"\n");
    let ran = place.pomona(["sql", "-q", "--config", "other.toml", "-c", "SELECT 1 AS a"]);
    assert_eq!(ran.code(0).stdout(), "a\n1\n");
    place
        .pomona(["--config", "none.toml", "config", "show"])
        .code(2)
        .says("none.toml");
}

#[test]
fn what_is_shown_is_a_settings_file() {
    let place = Workplace::new();
    write(
        &place,
        "pomona.toml",
        "memory-limit = \"2g\"\n[run]\ncomponents = 0.9\nfilter = \"label = 'a\\\"b'\"\n",
    );
    let shown = place.pomona(["config", "show"]).code(0).stdout();
    assert!(shown.contains("run.components = 0.9\n"), "{shown}");
    write(&place, "again.toml", &shown);
    let again = place
        .pomona(["config", "show", "--config", "again.toml"])
        .code(0);
    assert_eq!(again.stdout(), shown);
}

#[test]
fn mistakes_are_reported_with_their_place() {
    let place = Workplace::new();
    for (text, says) in [
        (
            "[run]\n\ncomponets = 5",
            "pomona.toml:3: 'run.componets' is not a setting; did you mean 'run.components'?",
        ),
        ("components = 5", "did you mean 'run.components'?"),
        ("memory_limit = 5", "did you mean 'memory-limit'?"),
        ("[rnu]\nlimit = 5", "did you mean '[run]'?"),
        ("xyzzy = 5", "'xyzzy' is not a setting\n"),
        (
            "[run]\nlimit = \"5\"",
            "pomona.toml:2: 'run.limit' is a number, not a string",
        ),
        ("[run]\noverwrite = 1", "is true or false, not a number"),
        ("weights = 5", "'weights' is a string, not a number"),
        ("run = 5", "'run' is a table, not a number"),
        (
            "[sql]\nformat = \"cvs\"",
            "pomona.toml:2: 'sql.format' cannot be 'cvs': pass one of csv",
        ),
        (
            "[run]\nmax-error-rate = 2.5",
            "a rate is a number from 0 to 1",
        ),
        ("\n\ncolor = = 5", "pomona.toml:3: "),
    ] {
        write(&place, "pomona.toml", text);
        place.pomona(["config", "show"]).code(2).says(says);
    }
    // Whoever is looking for the mistake can still read the manual.
    place.pomona(["--help"]).code(0);
    place.pomona(["man"]).code(0);
    fs::remove_file(place.path("pomona.toml")).unwrap();
    let place = place.with_environment([("POMONA_RUN_LIMIT", "many".to_string())]);
    place
        .pomona(["config", "show"])
        .code(2)
        .says("POMONA_RUN_LIMIT");
    place
        .run(&["-i", "images", "-o", "out"])
        .code(2)
        .says("many");
}

#[test]
fn a_misspelt_variable_is_named_with_the_setting() {
    let place = Workplace::new().with_environment([
        ("POMONA_RUN_LIMTI", "3".to_string()),
        ("POMONA_TEST_DATA", "elsewhere".to_string()),
    ]);
    let ran = place.run(&["-i", "images", "-o", "out"]).code(0);
    let ran = ran
        .says("POMONA_RUN_LIMTI is not a setting, and is ignored; did you mean POMONA_RUN_LIMIT?");
    assert!(!ran.stderr().contains("POMONA_TEST_DATA"));
}

#[test]
fn a_negative_number_is_refused_with_the_range() {
    let place = Workplace::new();
    for option in [
        "--limit",
        "--components",
        "--partitions",
        "--max-error-rate",
    ] {
        let ran = place.pomona(["run", "-i", "images", "-o", "out", option, "-1"]);
        let ran = ran.code(2).says("invalid value '-1'");
        assert!(ran.stderr().contains(option), "{}", ran.stderr());
    }
}
