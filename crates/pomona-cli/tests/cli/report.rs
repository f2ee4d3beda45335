//! `report.html`: what a run writes, what `pomona report` writes, and how a browser shows it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pomona_tests::{broken, images};
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::workplace::Workplace;

const RUN: [&str; 4] = ["-i", "images", "-o", "out"];

/// A label that a page must show and not obey.
const HOSTILE: &str = "<img src=x onerror=alert(1)> & \"Poire\" 🍐";

/// A workplace with broken files, twins and a hostile label, whose images are those of the first
/// label, beside its plain images.
fn workplace() -> Workplace {
    let place = Workplace::new();
    images::write_folder(&place.path("images"), &[HOSTILE], 3);
    let twin = place.path("images/Kiwi/twin.png");
    fs::copy(place.path("images/Kiwi/0.png"), twin).unwrap();
    for broken in broken::corpus().into_iter().take(2) {
        fs::write(place.path("images/Kiwi").join(broken.name), &broken.bytes).unwrap();
    }
    place
}

fn run(place: &Workplace, more: &[&str]) {
    let lenient = ["--max-error-rate", "1"];
    place.run(&[&RUN[..], &lenient, more].concat()).code(0);
}

fn manifest(place: &Workplace) -> Value {
    serde_json::from_slice(&fs::read(place.path("out/manifest.json")).unwrap()).unwrap()
}

fn is_named(manifest: &Value) -> bool {
    let files = manifest["files"].as_array().unwrap();
    files.iter().any(|file| file["path"] == "report.html")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_run_ends_with_its_report() {
    let place = workplace();
    run(&place, &[]);
    let manifest = manifest(&place);
    assert!(is_named(&manifest));
    let last = manifest["stages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["name"], "report");
    assert!(last["seconds"].as_f64().unwrap() > 0.0);

    let html = read(&place.path("out/report.html"));
    assert!(html.contains("<html lang=\"en\">"));
    // Escaped where it is shown, and nowhere else.
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Poire&quot; 🍐"));
    assert!(!html.contains("<img src=x"));
    for file in broken::corpus().iter().take(2) {
        assert!(
            html.contains(file.name) && html.contains(file.says),
            "{}",
            file.name
        );
    }
    // The hostile images are those of another label.
    assert!(html.contains("Most alike with different labels"));
    // The twins have features of cosine 1, and paths are relative to the input.
    assert!(html.contains("cosine 1.0000"), "{html}");
    assert!(html.contains("<title>Kiwi/twin.png</title>"));
    assert!(html.contains("src=\"data:image/jpeg;base64,"));
}

/// A report is gathered beside other stages, or after them under a limit of memory, or later.
#[test]
fn a_report_is_the_same_whenever_it_is_gathered() {
    let place = workplace();
    // Of a page, what does not say when, and how long.
    let shown = |file: &str| {
        let html = read(&place.path(file));
        let (_, after) = html.split_once("<section id=\"variance\"").unwrap();
        let (shown, _) = after.split_once("<section id=\"timings\"").unwrap();
        shown.to_string()
    };
    let thumbnails = |page: &str| {
        let images = page.split("data:image/jpeg;base64,").skip(1);
        let images = images.filter_map(|image| image.split('"').next());
        images.map(str::to_string).collect::<BTreeSet<_>>()
    };
    run(&place, &[]);
    let beside = shown("out/report.html");
    place.pomona(["report", "out", "-o", "later.html"]).code(0);
    assert!(shown("later.html") == beside);
    run(&place, &["--overwrite", "--memory-limit", "1g"]);
    let after = thumbnails(&shown("out/report.html"));
    assert!(after.len() >= 15 && after == thumbnails(&beside));
}

#[test]
fn near_duplicates_are_those_of_all_pairs() {
    let place = workplace();
    run(&place, &[]);
    let sql = "SELECT 1 - cosine_distance(a.features, b.features) AS cosine \
               FROM 'out/features/' a JOIN 'out/features/' b ON a.path < b.path \
               WHERE a.features IS NOT NULL AND b.features IS NOT NULL ORDER BY 1 DESC LIMIT 18";
    let expected: Vec<String> = place
        .query(sql)
        .lines()
        .skip(1)
        .filter_map(|line| line.parse::<f64>().ok())
        .filter(|cosine| *cosine >= 0.98)
        .map(|cosine| format!("{cosine:.4}"))
        .collect();
    assert!(expected.len() >= 4, "{expected:?}");
    let html = read(&place.path("out/report.html"));
    let (_, after) = html.split_once("id=\"most-alike\"").unwrap();
    let most_alike = after.split("<h3").next().unwrap();
    let shown: Vec<&str> = most_alike
        .split("cosine ")
        .skip(1)
        .filter_map(|text| text.split('<').next())
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn a_run_is_done_without_a_report_too() {
    let place = workplace();
    run(&place, &[]);
    // The results are others, so that the report of the earlier ones goes.
    run(&place, &["-k", "2", "--no-report"]);
    assert!(!place.path("out/report.html").exists());
    assert!(!is_named(&manifest(&place)));
    place.pomona(["report", "out"]).code(0).says("report.html");
    assert!(place.path("out/report.html").exists());
}

#[test]
fn a_report_is_written_again_in_another_language() {
    let place = workplace();
    run(&place, &["--lang", "fr"]);
    let before = read(&place.path("out/report.html"));
    assert!(before.contains("<html lang=\"fr\">") && before.contains("Quasi-doublons"));

    place.pomona(["report", "out"]).code(0);
    let after = read(&place.path("out/report.html"));
    assert!(after.contains("<html lang=\"en\">") && after.contains("Near duplicates"));
    // The run is what it was.
    place
        .run(&[&RUN[..], &["--max-error-rate", "1"]].concat())
        .code(0)
        .says("nothing has changed");

    // The same from the same run, to wherever it is wanted.
    let again = place.pomona(["report", "out", "-o", "-"]).code(0).stdout();
    assert_eq!(again, after);
    place
        .pomona(["report", "out", "-o", "new/folder/a.html"])
        .code(0);
    assert_eq!(read(&place.path("new/folder/a.html")), after);
    place
        .pomona(["report", "--in", "out", "-o", "by_name.html"])
        .code(0);
    assert_eq!(read(&place.path("by_name.html")), after);
    let settings = "lang = \"fr\"\n[report]\noutput = \"there.html\"\n";
    fs::write(place.path("pomona.toml"), settings).unwrap();
    place.pomona(["-q", "report", "out"]).code(0);
    assert!(read(&place.path("there.html")).contains("<html lang=\"fr\">"));
}

#[test]
fn vanished_images_have_no_thumbnails() {
    let place = workplace();
    run(&place, &["--no-report"]);
    fs::remove_dir_all(place.path("images/Apple Red")).unwrap();
    place.pomona(["report", "out"]).code(0);
    let html = read(&place.path("out/report.html"));
    assert!(html.contains("have a thumbnail: the others are gone"));
    fs::remove_dir_all(place.path("images")).unwrap();
    place.pomona(["report", "out"]).code(0);
    let html = read(&place.path("out/report.html"));
    assert!(html.contains("class=\"no-image\"") && !html.contains("src=\"data:image"));
}

#[test]
fn what_is_no_run_has_no_report() {
    let place = Workplace::new();
    place
        .pomona(["report", "nowhere"])
        .code(1)
        .says("'nowhere' holds no finished run");
    assert!(!place.path("nowhere").exists());
    place
        .pomona(["report", "out", "--lang", "de"])
        .code(2)
        .says("de");
}

#[test]
fn a_browser_shows_the_report_without_complaint() {
    let place = workplace();
    run(&place, &[]);
    place
        .pomona(["report", "out", "--lang", "fr", "-o", "fr.html"])
        .code(0);
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    for file in ["out/report.html", "fr.html"] {
        for (width, height) in [(1280, 900), (820, 1100), (360, 740)] {
            for scheme in ["light", "dark"] {
                let feature = json!({"name": "prefers-color-scheme", "value": scheme});
                chromium.call("Emulation.setEmulatedMedia", json!({"features": [feature]}));
                chromium.resize(width, height);
                chromium.open(&place.path(file));
                let wide = chromium.evaluate("[document.scrollingElement.scrollWidth, innerWidth]");
                assert_eq!(wide[1], width, "{file}");
                assert!(
                    wide[0].as_u64() <= wide[1].as_u64(),
                    "{file} at {width}: {wide}"
                );
                // The page itself, and what lies in it.
                let requested = chromium.requested();
                let outside: Vec<_> = requested
                    .iter()
                    .filter(|url| !url.starts_with("data:") && !url.ends_with(file))
                    .collect();
                assert_eq!(outside, [""; 0]);
                assert_eq!(chromium.complaints(), [""; 0], "{file} at {width}");
            }
        }
        // What a reader of the page's tree is given.
        let unnamed = "[...document.querySelectorAll('img:not([alt]), svg[role=img]:not([aria-labelledby]), \
                       button:empty, section:not([aria-labelledby])')].length";
        assert_eq!(chromium.evaluate(unnamed), 0);
        let dangling = "[...document.querySelectorAll('[aria-labelledby]')]\
                        .flatMap((e) => e.getAttribute('aria-labelledby').split(' '))\
                        .concat([...document.querySelectorAll('nav a')].map((a) => a.hash.slice(1)))\
                        .filter((id) => !document.getElementById(id)).length";
        assert_eq!(chromium.evaluate(dangling), 0);
        let twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); \
                     return ids.length - new Set(ids).size; })()";
        assert_eq!(chromium.evaluate(twice), 0);
    }
}

#[test]
fn the_map_answers_the_pointer_and_the_keys() {
    let place = workplace();
    run(&place, &[]);
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    chromium.resize(1280, 900);
    chromium.open(&place.path("out/report.html"));
    let tip = "(() => { const tip = document.getElementById('tip'); \
               const image = document.getElementById('tip-image'); \
               return tip.hidden ? null : [document.getElementById('tip-label').textContent, \
               document.getElementById('tip-path').textContent, !image.hidden && image.complete && image.naturalWidth]; })()";
    assert_eq!(chromium.evaluate(tip), Value::Null);
    // The mark that is farthest from all others.
    let place_of_mark = "(() => { \
        const { labels } = JSON.parse(document.getElementById('points').textContent); \
        document.getElementById('map').scrollIntoView({block: 'center', behavior: 'instant'}); \
        const marks = [...document.querySelectorAll('.marks use')].map((use) => { \
            const box = use.getBoundingClientRect(); \
            return [box.x + box.width / 2, box.y + box.height / 2, labels[use.parentNode.dataset.label]]; \
        }); \
        const room = (mark) => Math.min(...marks.filter((other) => other !== mark) \
            .map(([x, y]) => Math.hypot(mark[0] - x, mark[1] - y))); \
        return [...marks].sort((a, b) => room(b) - room(a))[0]; })()";
    let at = chromium.evaluate(place_of_mark);
    let frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
    chromium.evaluate(frame);
    chromium.point_at(at[0].as_f64().unwrap(), at[1].as_f64().unwrap());
    let decoded = "document.getElementById('tip-image').decode().then(() => true)";
    assert_eq!(chromium.evaluate(decoded), true);
    let shown = chromium.evaluate(tip);
    assert_eq!(shown[0], at[2]);
    let label = at[2].as_str().unwrap();
    assert!(shown[1].as_str().unwrap().starts_with(label), "{shown}");
    assert_eq!(shown[2], 72);
    chromium.point_at(5.0, 5.0);
    assert_eq!(chromium.evaluate(tip), Value::Null);

    chromium.evaluate("document.getElementById('map').focus()");
    chromium.press("ArrowRight");
    let first = chromium.evaluate(tip);
    chromium.press("ArrowRight");
    let second = chromium.evaluate(tip);
    assert_ne!(first[1], second[1]);
    chromium.press("ArrowLeft");
    assert_eq!(chromium.evaluate(tip)[1], first[1]);
    chromium.press("Escape");
    assert_eq!(chromium.evaluate(tip), Value::Null);

    // A label that is chosen leaves the others dim, and the filter leaves it alone in the legend.
    let dim = "document.querySelectorAll('.marks.dim').length";
    chromium.evaluate("document.querySelectorAll('#legend button')[1].click()");
    assert_eq!(chromium.evaluate(dim), 3);
    chromium.evaluate("document.getElementById('legend-clear').click()");
    assert_eq!(chromium.evaluate(dim), 0);
    chromium.evaluate(
        "{ const filter = document.getElementById('legend-filter'); filter.value = 'peche'; \
         filter.dispatchEvent(new Event('input')); }",
    );
    let listed =
        "[...document.querySelectorAll('#legend li:not([hidden])')].map((e) => e.textContent)";
    assert_eq!(chromium.evaluate(listed), json!(["Pêche+Plate5"]));
    let hostile =
        "[...document.querySelectorAll('#legend bdi')].map((e) => e.textContent).sort()[0]";
    assert_eq!(chromium.evaluate(hostile), HOSTILE);
    assert_eq!(chromium.complaints(), [""; 0]);
}

#[test]
fn a_printed_report_is_a_few_pages() {
    let place = workplace();
    run(&place, &[]);
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    chromium.open(&place.path("out/report.html"));
    let printed = chromium.call("Page.printToPDF", json!({"preferCSSPageSize": true}));
    let pdf = STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&pdf);
    let pages = text.matches("/Type /Page").count() - text.matches("/Type /Pages").count();
    assert!((2..=12).contains(&pages), "{pages} pages");
}
