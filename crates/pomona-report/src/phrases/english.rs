//! English.

use super::Phrases;

pub(crate) static ENGLISH: Phrases = Phrases {
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],

    title: "Pomona report",
    of_input: |input| format!("Pomona report: {input}"),
    contents: "Contents",
    no_label: "(no label)",
    all_rows: |count| format!("All {count} labels"),

    summary: "Summary",
    images: "Images",
    with_features: "With features",
    without_features: "Without features",
    labels: "Labels",
    bytes_read: "Size of the files",
    components_kept: "Components kept",
    variance_kept: "Variance kept",
    total_time: "Time",
    images_per_second: |rate| format!("{rate} images per second"),
    rate: "Images per second",
    computed_and_reused: |computed, reused| {
        format!("{computed} computed in this run, {reused} by earlier ones")
    },
    of_images: |share| format!("{share} of the images"),
    of_dimensions: |dimensions| format!("of {dimensions}"),

    variance: "Variance",
    variance_text: |samples, dimensions| {
        format!(
            "Principal components of {samples} feature vectors of {dimensions} numbers. \
             Each component explains a share of the variance; the shares add up to 100%."
        )
    },
    no_variance: "All feature vectors are the same, so there is no variance to explain.",
    scree: "Scree: variance by component",
    scree_description: |shown, first, last| {
        format!(
            "Bars for the first {shown} components, from {first} of the variance for the first \
             to {last} for the last."
        )
    },
    cumulative: "Cumulative variance",
    cumulative_description: |levels| format!("A rising curve. Components needed: {levels}."),
    component: "Component",
    components: "Components",
    share_of_variance: "Share of variance",
    components_for: "Components needed",
    kept_mark: |kept| format!("{kept} kept"),
    level_of: |level, components| format!("{level} with {components}"),

    scatter: "Map of the images",
    scatter_all: |total| {
        format!("All {total} images with features along the first two components.")
    },
    scatter_sample: |shown, total| {
        format!(
            "{shown} of the {total} images with features along the first two components: \
             a sample that keeps the proportions of the labels."
        )
    },
    scatter_hint: "Point at a mark to see its image; choose labels in the legend to highlight them. \
                   With the map in focus, the arrow keys go from image to image.",
    scatter_description: |points, labels| {
        format!("A scatter plot of {points} images of {labels} labels, one mark per image.")
    },
    axis: |component, share| format!("Component {component} ({share} of the variance)"),
    legend: "Labels",
    legend_filter: "Find a label",
    legend_clear: "Show all",
    marks_repeat: "There are more labels than marks, so some labels share one.",
    no_points: "No image has features.",
    thumbnails_missing: |made, wanted| {
        format!(
            "{made} of these {wanted} have a thumbnail: the others are gone, or too many or too \
             large to be read again."
        )
    },

    classes: "Labels",
    classes_text: |labels, smallest, median, largest| {
        format!("{labels} labels of {smallest} to {largest} images each; the median is {median}.")
    },
    classes_alike: |count, labels, images| match count {
        1 => format!("One label, of {images} images."),
        _ => format!("{labels} labels of {images} images each."),
    },
    what_labels_are: "A label is the name of the folder that an image lies in.",
    classes_extremes: |shown| format!("The {shown} largest and the {shown} smallest:"),
    label: "Label",

    errors: "Errors",
    no_errors: |images| format!("None: all {images} images have features."),
    errors_text: |count, errors, images, share| {
        let have = if count == 1 { "has" } else { "have" };
        format!("{errors} of {images} images ({share}) {have} no features. The whole list is in")
    },
    reason: "Reason",
    and_others: |count| format!("and {count} more"),
    other_reasons: |count, reasons| match count {
        1 => "One rarer reason is left out.".to_string(),
        _ => format!("{reasons} rarer reasons are left out."),
    },

    outliers: "Outliers",
    outliers_text: |total, median| {
        format!(
            "Of {total} images with features, those that the kept components describe worst: \
             the reconstruction error is the squared distance between the features and their \
             reconstruction from the components. Its median is {median}."
        )
    },
    no_outliers: "The components describe every image fully.",
    outlier_error: |error| format!("error {error}"),
    outlier_share: |share| format!("{share} of its distance from the mean is unexplained"),

    duplicates: "Near duplicates",
    duplicates_text: |threshold| {
        format!("Pairs of images whose features have a cosine of {threshold} or more.")
    },
    compared_all: |total, pairs| {
        format!("All {total} images with features were compared with one another: {pairs} pairs.")
    },
    compared_sample: |compared, total, pairs| {
        format!(
            "{compared} of the {total} images with features, a sample, were compared with one \
             another: {pairs} pairs."
        )
    },
    not_exact: "There are more such pairs than were checked, so pairs as alike as these may be missing.",
    no_duplicates: "None.",
    most_alike: "Most alike",
    across_labels: "Most alike with different labels",
    cosine: |cosine| format!("cosine {cosine}"),

    timings: "Timings",
    timings_text: "The time that each phase of the run took, without the report itself.",
    phase: "Phase",
    time: "Time",
    share: "Share",
    total: "Total",
    describe_phase: |name| {
        Some(match name {
            "metadata" => "size and format of every image",
            "features" => "images through the network",
            "stats" => "counts by label",
            "errors" => "images without features",
            "pca_fit" => "moments and components",
            "pca_transform" => "features along the components",
            _ => return None,
        })
    },

    parameters: "Parameters and versions",
    input: "Input",
    output: "Output",
    components_asked: "Components requested",
    filter: "Filter",
    limit: "Limit",
    no_filter: "none",
    no_limit: "none",
    weights: "Weights",
    weights_sha256: "SHA-256 of the weights",
    run: "Run",
    finished: "Finished",
    versions: "Versions",
    report_by: |version| format!("report by Pomona {version}"),
};
