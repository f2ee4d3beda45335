//! The data of each point that the script needs in addition to the map.

use serde::Serialize;

use crate::Report;

/// The images of the points in the order in which they are drawn.
#[derive(Serialize)]
struct Points<'a> {
    thumbnails: Vec<Option<(u32, u32, String)>>,
    labels: Vec<&'a str>,
}

/// JSON that can stand in a `script` element: no `<` in it, so that nothing in it ends the element
/// or begins a comment, and no line separators, which older scripts take for ends of lines.
pub(crate) fn json(
    report: &Report,
    drawn: impl Iterator<Item = usize>,
    labels: Vec<&str>,
) -> String {
    let thumbnail = |point: usize| {
        let image = &report.images[report.scatter.points[point].image];
        let thumbnail = image.thumbnail.as_ref()?;
        Some((thumbnail.width, thumbnail.height, thumbnail.base64()))
    };
    let points = Points {
        thumbnails: drawn.map(thumbnail).collect(),
        labels,
    };
    let json = serde_json::to_string(&points).expect("texts and numbers are JSON");
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_element() {
        let label = "</script><!-- \u{2028} \" & é";
        let json = json(&Report::default(), [].into_iter(), vec![label]);
        assert!(!json.contains(['<', '>', '&', '\u{2028}']), "{json}");
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["labels"][0], label);
    }
}
