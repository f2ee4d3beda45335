//! Completions and manual pages.

use crate::workplace::Workplace;

#[test]
fn completions_know_the_options() {
    let place = Workplace::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.pomona(["completions", shell]).code(0).stdout();
        // fish writes options without their dashes.
        let option = if shell == "fish" {
            "-l input"
        } else {
            "--input"
        };
        for word in [option, "max-error-rate", "completions"] {
            assert!(script.contains(word), "no {word} for {shell}");
        }
    }
    place.pomona(["completions", "ksh"]).code(2).says("bash");
}

#[test]
fn manual_pages_are_troff() {
    let place = Workplace::new();
    let page = place.pomona(["man"]).code(0).stdout();
    assert!(page.contains(".TH pomona 1"), "{page}");
    assert!(page.contains("pomona\\-run(1)"), "{page}");
    let page = place.pomona(["man", "run"]).code(0).stdout();
    assert!(page.contains(".TH pomona-run 1"), "{page}");
    assert!(page.contains("\\-\\-input"), "{page}");
    place.pomona(["man", "rnu"]).code(2).says("run");
}
