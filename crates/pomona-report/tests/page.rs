//! Whole pages: what is in them, what cannot get in, and how large they become.

use std::time::Instant;

use pomona_report::{
    Class, Counts, Duplicates, Errors, Image, Language, Outlier, Outliers, Pair, Parameters, Phase,
    Point, Reason, Report, Scatter, Thumbnail, Thumbnails, Variance, Versions,
};

/// Texts that a page must show and never obey.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style><!--",
    "Pêches & poires 🍐",
    "\u{202e}gpj.exe\u{202d}",
    "{{ 7 * 7 }}{% endif %}",
];

/// A report of `labels` labels with `points` images on the map, thumbnails of `bytes` bytes.
fn report(labels: &[String], points: usize, bytes: usize) -> Report {
    let thumbnail = Thumbnail {
        jpeg: vec![0x5a; bytes],
        width: 72,
        height: 54,
    };
    let image = |index: usize| Image {
        path: format!("{}/{index}.jpg", labels[index % labels.len()]),
        label: labels[index % labels.len()].clone(),
        thumbnail: Some(thumbnail.clone()),
    };
    let angle = |index: usize| index as f64 * 2.399_963;
    let ratios: Vec<f64> = (0..200).map(|index| 0.9_f64.powi(index) * 0.1).collect();
    Report {
        run: "20261121T112000Z".to_string(),
        finished: "2026-11-21T11:20:00Z".parse().unwrap(),
        parameters: Parameters {
            input: "s3://fruits/Training/".to_string(),
            output: "results".to_string(),
            components: "50".to_string(),
            filter: Some("label <> 'Pêche'".to_string()),
            limit: None,
            weights: "mobilenet.safetensors".to_string(),
            weights_sha256: "ab".repeat(32),
        },
        versions: Versions {
            pomona: "0.1.0".to_string(),
            datafusion: "55.2.0".to_string(),
            report: "0.1.0".to_string(),
        },
        counts: Counts {
            images: 60_003,
            features: 60_000,
            errors: 3,
            reused: 0,
            computed: 60_003,
            bytes: 312_345_678,
        },
        phases: ["metadata", "features", "pca_fit"]
            .map(|name| Phase {
                name: name.to_string(),
                seconds: 12.5,
                images: 60_003,
            })
            .to_vec(),
        variance: Variance {
            samples: 60_000,
            kept: 50,
            ratios,
        },
        scatter: Scatter {
            points: (0..points)
                .map(|image| Point {
                    image,
                    x: (image as f64).sqrt() * angle(image).cos(),
                    y: (image as f64).sqrt() * angle(image).sin(),
                })
                .collect(),
            total: 60_000,
        },
        classes: labels
            .iter()
            .map(|label| Class {
                label: label.clone(),
                images: 400 + label.len() as u64,
                errors: 1,
            })
            .collect(),
        errors: Errors {
            reasons: vec![Reason {
                reason: "the JPEG data ends early".to_string(),
                images: 3,
                paths: labels.iter().take(2).cloned().collect(),
            }],
            total_reasons: 4,
        },
        outliers: Outliers {
            worst: (0..4)
                .map(|image| Outlier {
                    image,
                    error: 123.4,
                    share: 0.61,
                })
                .collect(),
            median: 41.0,
            total: 60_000,
        },
        duplicates: Duplicates {
            pairs: vec![Pair {
                first: 0,
                second: 1,
                cosine: 0.999_91,
            }],
            across_labels: vec![],
            threshold: 0.98,
            compared: 60_000,
            total: 60_000,
            exact: true,
        },
        images: (0..points.max(4)).map(image).collect(),
        thumbnails: Thumbnails {
            wanted: points as u64,
            made: points as u64,
        },
    }
}

fn plain() -> Report {
    report(&["Apple Red".to_string(), "Kiwi".to_string()], 40, 20)
}

/// Checks that elements are closed in their order.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 4] = ["meta", "link", "img", "input"];
    let mut open: Vec<&str> = vec![];
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "before {}",
                &rest[..rest.len().min(80)]
            );
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        // Between the values of attributes there are their names alone.
        let names: String = tag.split('"').step_by(2).collect();
        assert!(!names.contains('\'') && !names.contains(" on"), "{tag}");
        // The contents of these are not HTML.
        if name == "script" || name == "style" {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).unwrap() + close.len()..];
            continue;
        }
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_page_is_well_formed_and_names_nothing_outside_itself() {
    for language in Language::ALL {
        let html = plain().to_html(language);
        assert_well_formed(&html);
        assert!(html.contains(&format!("<html lang=\"{language}\">")));
        for outside in ["http:", "https:", "src=\"/", "url(", "@import"] {
            assert!(!html.contains(outside), "{outside}");
        }
        let headings: Vec<_> = html
            .match_indices("<h")
            .filter_map(|(at, _)| html[at + 2..].chars().next().filter(char::is_ascii_digit))
            .collect();
        assert_eq!(headings.iter().filter(|level| **level == '1').count(), 1);
        assert_eq!(headings[0], '1');
        for two in headings.windows(2) {
            assert!(two[1] as u32 <= two[0] as u32 + 1, "{headings:?}");
        }
    }
}

#[test]
fn numbers_and_words_are_of_the_language() {
    let english = plain().to_html(Language::English);
    for text in [
        "60,003",
        "Near duplicates",
        "21 November 2026, 11:20 UTC",
        "0.98",
    ] {
        assert!(english.contains(text), "{text}");
    }
    let french = plain().to_html(Language::French);
    for text in [
        "60\u{202f}003",
        "Quasi-doublons",
        "21 novembre 2026",
        "0,98",
    ] {
        assert!(french.contains(text), "{text}");
    }
    for word in ["Labels", "cosine", "November", "Share", "duplicates of"] {
        assert!(!french.contains(word), "{word} in the French page");
    }
}

#[test]
fn hostile_names_are_shown_and_never_obeyed() {
    let mut report = report(&HOSTILE.map(str::to_string), 24, 20);
    report.parameters.input = HOSTILE[1].to_string();
    report.parameters.filter = Some(HOSTILE[0].to_string());
    report.errors.reasons[0].reason = HOSTILE[2].to_string();
    for language in Language::ALL {
        let html = report.to_html(language);
        assert_well_formed(&html);
        // The page has its own script and style, and its data.
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script").count(), 2);
        assert_eq!(html.matches("<style").count(), 1);
        // In the data, a quotation mark of HTML is a letter like others.
        let (before, data) = html
            .split_once("<script type=\"application/json\"")
            .unwrap();
        let (_, after) = data.split_once("</script>").unwrap();
        let html = [before, after].concat();
        for obeyed in ["<img src=x", "<svg onload", "<!--", "49</bdi>"] {
            assert!(!html.contains(obeyed), "{obeyed}");
        }
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(html.contains("Pêches &amp; poires 🍐"));
    }
}

#[test]
fn little_data_makes_a_page_too() {
    let empty = Report::default().to_html(Language::English);
    assert_well_formed(&empty);
    assert!(!empty.contains("NaN") && !empty.contains("inf"));

    let mut one = report(&["A".to_string()], 1, 20);
    one.variance = Variance {
        samples: 1,
        kept: 1,
        ratios: vec![0.0; 3],
    };
    one.images[0].thumbnail = None;
    one.phases[0].seconds = 0.0;
    let html = one.to_html(Language::French);
    assert_well_formed(&html);
    assert!(html.contains("aucune variance"));
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn the_page_of_many_images_stays_small() {
    let labels: Vec<_> = (0..131).map(|label| format!("Fruit {label}")).collect();
    let mut html = String::new();
    // The rounds are for a busy machine.
    let is_fast = (0..5).any(|_| {
        let start = Instant::now();
        html = report(&labels, 3_000, 1_400).to_html(Language::English);
        println!("{} bytes in {:?}", html.len(), start.elapsed());
        start.elapsed().as_secs() < 10
    });
    assert!(is_fast);
    assert!(html.len() < 8_000_000, "{} bytes", html.len());
    if let Some(path) = std::env::var_os("SAMPLE") {
        std::fs::write(path, html).unwrap();
    }
}
