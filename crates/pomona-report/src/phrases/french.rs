//! French. Narrow no-break spaces stand before `;`, `:`, `!`, `?` and `%`, as its typography asks.

use super::Phrases;

pub(crate) static FRENCH: Phrases = Phrases {
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],

    title: "Rapport Pomona",
    of_input: |input| format!("Rapport Pomona\u{202f}: {input}"),
    contents: "Sommaire",
    no_label: "(sans étiquette)",
    all_rows: |count| format!("Les {count} étiquettes"),

    summary: "Résumé",
    images: "Images",
    with_features: "Avec descripteurs",
    without_features: "Sans descripteurs",
    labels: "Étiquettes",
    bytes_read: "Taille des fichiers",
    components_kept: "Composantes gardées",
    variance_kept: "Variance gardée",
    total_time: "Durée",
    images_per_second: |rate| format!("{rate} images par seconde"),
    rate: "Images par seconde",
    computed_and_reused: |computed, reused| {
        format!("{computed} calculées par cette exécution, {reused} par les précédentes")
    },
    of_images: |share| format!("{share} des images"),
    of_dimensions: |dimensions| format!("sur {dimensions}"),

    variance: "Variance",
    variance_text: |samples, dimensions| {
        format!(
            "Composantes principales de {samples} vecteurs de {dimensions} descripteurs. \
             Chaque composante explique une part de la variance\u{202f}; \
             la somme des parts est 100\u{202f}%."
        )
    },
    no_variance: "Tous les vecteurs sont identiques\u{202f}: il n’y a aucune variance à expliquer.",
    scree: "Éboulis\u{202f}: variance par composante",
    scree_description: |shown, first, last| {
        format!(
            "Barres des {shown} premières composantes, de {first} de la variance pour la première \
             à {last} pour la dernière."
        )
    },
    cumulative: "Variance cumulée",
    cumulative_description: |levels| {
        format!("Une courbe croissante. Composantes nécessaires\u{202f}: {levels}.")
    },
    component: "Composante",
    components: "Composantes",
    share_of_variance: "Part de la variance",
    components_for: "Composantes nécessaires",
    kept_mark: |kept| format!("{kept} gardées"),
    level_of: |level, components| format!("{level} avec {components}"),

    scatter: "Carte des images",
    scatter_all: |total| {
        format!("Les {total} images avec descripteurs, selon les deux premières composantes.")
    },
    scatter_sample: |shown, total| {
        format!(
            "{shown} des {total} images avec descripteurs, selon les deux premières \
             composantes\u{202f}: un échantillon qui respecte les proportions des étiquettes."
        )
    },
    scatter_hint: "Pointez une marque pour voir son image\u{202f}; choisissez des étiquettes dans la \
                   légende pour les faire ressortir. Quand la carte a le focus, les flèches du \
                   clavier vont d’image en image.",
    scatter_description: |points, labels| {
        format!(
            "Nuage de points\u{202f}: {points} images de {labels} étiquettes, une marque par image."
        )
    },
    axis: |component, share| format!("Composante {component} ({share} de la variance)"),
    legend: "Étiquettes",
    legend_filter: "Filtrer",
    legend_clear: "Tout montrer",
    marks_repeat: "Il y a plus d’étiquettes que de marques\u{202f}: certaines partagent la même.",
    no_points: "Aucune image n’a de descripteurs.",
    thumbnails_missing: |made, wanted| {
        format!(
            "{made} de ces {wanted} images ont une vignette\u{202f}: les autres ont disparu, ou sont \
             trop nombreuses ou trop grandes à relire."
        )
    },

    classes: "Étiquettes",
    classes_text: |labels, smallest, median, largest| {
        format!("{labels} étiquettes de {smallest} à {largest} images chacune, médiane {median}.")
    },
    classes_alike: |count, labels, images| match count {
        1 => format!("Une seule étiquette, de {images} images."),
        _ => format!("{labels} étiquettes de {images} images chacune."),
    },
    what_labels_are: "L’étiquette est le nom du dossier où se trouve l’image.",
    classes_extremes: |shown| {
        format!("Les {shown} plus grandes et les {shown} plus petites\u{202f}:")
    },
    label: "Étiquette",

    errors: "Erreurs",
    no_errors: |images| format!("Aucune\u{202f}: les {images} images ont leurs descripteurs."),
    errors_text: |count, errors, images, share| {
        let (noun, have) = if count == 1 {
            ("image", "n’a")
        } else {
            ("images", "n’ont")
        };
        format!(
            "{errors} {noun} sur {images} ({share}) {have} pas de descripteurs. La liste complète \
             est dans"
        )
    },
    reason: "Raison",
    and_others: |count| format!("et {count} de plus"),
    other_reasons: |count, reasons| match count {
        1 => "Une raison plus rare est omise.".to_string(),
        _ => format!("{reasons} raisons plus rares sont omises."),
    },

    outliers: "Images atypiques",
    outliers_text: |total, median| {
        format!(
            "Sur {total} images avec descripteurs, celles que les composantes gardées décrivent le \
             plus mal\u{202f}: l’erreur de reconstruction est le carré de la distance entre les \
             descripteurs et ce que les composantes en restituent. Sa médiane est {median}."
        )
    },
    no_outliers: "Les composantes décrivent entièrement chaque image.",
    outlier_error: |error| format!("erreur {error}"),
    outlier_share: |share| format!("{share} de l’écart à la moyenne est inexpliqué"),

    duplicates: "Quasi-doublons",
    duplicates_text: |threshold| {
        format!("Paires d’images dont les descripteurs ont un cosinus d’au moins {threshold}.")
    },
    compared_all: |total, pairs| {
        format!(
            "Les {total} images avec descripteurs ont toutes été comparées entre elles\u{202f}: \
             {pairs} paires."
        )
    },
    compared_sample: |compared, total, pairs| {
        format!(
            "{compared} des {total} images avec descripteurs, un échantillon, ont été comparées \
             entre elles\u{202f}: {pairs} paires."
        )
    },
    not_exact: "Il y a plus de telles paires que de paires vérifiées\u{202f}: il peut en manquer d’aussi \
                semblables que celles-ci.",
    no_duplicates: "Aucun.",
    most_alike: "Les plus semblables",
    across_labels: "Les plus semblables d’étiquettes différentes",
    cosine: |cosine| format!("cosinus {cosine}"),

    timings: "Durées",
    timings_text: "La durée de chaque phase de l’exécution, sans le rapport lui-même.",
    phase: "Phase",
    time: "Durée",
    share: "Part",
    total: "Total",
    describe_phase: |name| {
        Some(match name {
            "metadata" => "taille et format de chaque image",
            "features" => "passage des images dans le réseau",
            "stats" => "comptes par étiquette",
            "errors" => "images sans descripteurs",
            "pca_fit" => "moments et composantes",
            "pca_transform" => "projection sur les composantes",
            _ => return None,
        })
    },

    parameters: "Paramètres et versions",
    input: "Entrée",
    output: "Sortie",
    components_asked: "Composantes demandées",
    filter: "Filtre",
    limit: "Limite",
    no_filter: "aucun",
    no_limit: "aucune",
    weights: "Poids",
    weights_sha256: "SHA-256 des poids",
    run: "Exécution",
    finished: "Terminée",
    versions: "Versions",
    report_by: |version| format!("rapport par Pomona {version}"),
};
