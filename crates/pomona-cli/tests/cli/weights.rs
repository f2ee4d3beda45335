//! Weights by name, from the hub, a web server and a bucket; `pomona weights` and `pomona demo`.

use std::fs;

use pomona_mobilenet::network::{NameScheme, SaveOptions, Weights};
use pomona_tests::hub_server::{Fault, HubServer};
use pomona_tests::reference_data::reference_data;
use pomona_tests::s3_server::S3Server;

use crate::workplace::Workplace;

const REPOSITORY: &str = "google/mobilenet_v2_1.0_224";

/// The features of every image, as one number made of all of them.
const FEATURES: &str = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images';
     SELECT path, md5(array_to_string(mobilenet_v2(content), ' ')) AS features FROM images ORDER BY path";

fn hub(place: Workplace, server: &HubServer) -> Workplace {
    place.with_environment([("HF_ENDPOINT", server.endpoint())])
}

/// The features of the images with these weights, as CSV.
#[track_caller]
fn features(place: &Workplace, weights: &str) -> String {
    let sql = ["sql", "-q", "--format", "csv", "-c", FEATURES];
    let ran = place.pomona(sql.iter().chain(&["--weights", weights]));
    ran.code(0).stdout()
}

#[test]
fn imagenet_comes_from_the_hub_once() {
    let Some(data) = reference_data() else { return };
    let model = data.join("models/mobilenet_v2_1.0_224_classifier.safetensors");
    let server = HubServer::start().unwrap();
    let bytes = fs::read(&model).unwrap();
    let length = bytes.len() as u64;
    server.put(REPOSITORY, "model.safetensors", bytes);
    let place = hub(Workplace::new(), &server);

    let listed = || place.pomona(["weights", "list"]).code(0).stdout();
    assert!(listed().contains("imagenet  no"), "{}", listed());
    let ran = place.pomona(["weights", "fetch", "imagenet"]).code(0);
    let blobs = place.path(".cache/huggingface/hub/models--google--mobilenet_v2_1.0_224/blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 1);
    // Elsewhere than at a terminal the end of the fetch is a line of JSON.
    let line: serde_json::Value =
        serde_json::from_str(ran.stderr().lines().last().unwrap()).unwrap();
    assert_eq!(line["phase"], "fetch");
    assert_eq!(line["done_bytes"], length);
    assert!(listed().contains("imagenet  yes"), "{}", listed());
    assert_eq!(server.sent(), length);

    // From the cache it serves everything, without a request.
    let requests = server.requests().len();
    let expected = features(&place, model.to_str().unwrap());
    assert_eq!(features(&place, "imagenet"), expected);
    place
        .pomona([
            "run",
            "-i",
            "images",
            "-o",
            "out",
            "-k",
            "3",
            "--weights",
            "imagenet",
        ])
        .code(0);
    let manifest = fs::read(place.path("out/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["parameters"]["weights"], "imagenet");
    assert_eq!(server.requests().len(), requests);
    let place = place.with_environment([("HF_HUB_OFFLINE", "1".to_string())]);
    assert_eq!(features(&place, "imagenet"), expected);
}

#[test]
fn what_the_hub_does_wrong_is_one_sentence() {
    let server = HubServer::start().unwrap();
    let place = hub(Workplace::new(), &server);
    let file = fs::read(place.weights()).unwrap();
    let fetch = |place: &Workplace| place.pomona(["weights", "fetch", "imagenet"]).code(1);
    fetch(&place).says("no file model.safetensors");
    server.put(REPOSITORY, "model.safetensors", file);
    server.fail(Some(Fault::Damaged));
    fetch(&place).says("the hub states");
    server.fail(None);
    fetch(&place).says("is not the network that goes by the name imagenet");
    drop(server);
    let place = place.with_environment([("HF_HUB_CACHE", "elsewhere".to_string())]);
    let sql = ["sql", "-q", "-c", FEATURES, "--weights", "imagenet"];
    let ran = place.pomona(sql).code(1).says("cannot be reached");
    let stderr = ran.stderr();
    assert!(stderr.contains("--weights fruits") && stderr.contains("--weights FILE"));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn weights_come_from_a_web_server() {
    let server = HubServer::start().unwrap();
    let place = Workplace::new();
    let file = fs::read(place.weights()).unwrap();
    server.put("some", "weights.safetensors", file);
    // The address answers with a redirection to the bytes.
    let url = format!(
        "{}/some/resolve/main/weights.safetensors",
        server.endpoint()
    );
    let expected = features(&place, place.weights());
    assert_eq!(features(&place, &url), expected);
    let sql = ["sql", "-q", "-c", FEATURES, "--weights"];
    let missing = format!("{}/nothing", server.endpoint());
    place
        .pomona(sql.iter().chain(&[missing.as_str()]))
        .code(1)
        .says("404");
    server.fail(Some(Fault::Broken(u32::MAX)));
    place
        .pomona(sql.iter().chain(&[url.as_str()]))
        .code(1)
        .says("cannot be fetched");
}

#[test]
fn weights_come_from_a_bucket() {
    let server = S3Server::start(&["models"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let object = server.bucket("models").join("a b/weights.safetensors");
    fs::create_dir(object.parent().unwrap()).unwrap();
    fs::copy(place.weights(), object).unwrap();
    let url = "s3://models/a b/weights.safetensors";
    assert_eq!(features(&place, url), features(&place, place.weights()));
    let inspected = place.pomona(["weights", "inspect", url]).code(0).stdout();
    assert!(inspected.contains("MobileNetV2, width 1"), "{inspected}");
    let sql = ["sql", "-q", "-c", FEATURES, "--weights"];
    place
        .pomona(sql.iter().chain(&["s3://models/none"]))
        .code(1)
        .says("s3://models/none cannot be read");
    place
        .pomona(sql.iter().chain(&["ftp://models/none"]))
        .code(1)
        .says("no object store for 'ftp://models/none'");
}

#[test]
fn a_word_that_is_no_name_is_answered_with_the_names() {
    let place = Workplace::new();
    let sql = ["sql", "-q", "-c", FEATURES, "--weights", "imagnet"];
    place
        .pomona(sql)
        .code(1)
        .says("the names are fruits and imagenet");
    place
        .pomona(["weights", "fetch", "imagnet"])
        .code(2)
        .says("imagenet");
}

#[test]
fn a_file_is_inspected() {
    let place = Workplace::new();
    let inspect = |arguments: &[&str]| {
        let ran = place.pomona(["weights", "inspect"].iter().chain(arguments));
        ran.code(0).stdout()
    };
    let shown = inspect(&["fruits"]);
    for words in [
        "aa1e4597eee59d90adc707e15745154d42f3573c387e0132f81eafc90bcc31b1",
        "128 x 128 pixels, same padding",
        "114, named by metadata",
        "Apache-2.0",
        "huggingface",
        "F16",
    ] {
        assert!(shown.contains(words), "no {words} in {shown}");
    }
    let shown: serde_json::Value =
        serde_json::from_str(&inspect(&["fruits", "--format", "json"])).unwrap();
    assert_eq!(shown["width"], 1.0);
    assert_eq!(shown["classes"], 114);
    assert_eq!(shown["labels"].as_array().unwrap().len(), 114);
    assert_eq!(shown["bytes"], 4_841_956);
    assert_eq!(shown["tensors"], 262);
    // The network without its head, and the head.
    assert_eq!(shown["parameters"], 2_257_984 + 114 * 1281);

    fs::write(place.path("text.safetensors"), "not weights").unwrap();
    place
        .pomona(["weights", "inspect", "text.safetensors"])
        .code(1)
        .says("not a complete safetensors file");
    let listed = place
        .pomona(["weights", "list", "--format", "json"])
        .code(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout()).unwrap();
    assert_eq!(listed[0]["name"], "fruits");
    assert_eq!(listed[0]["cached"], true);
    assert_eq!(listed[1]["cached"], false);
}

#[test]
fn a_converted_file_is_the_same_network() {
    let place = Workplace::new();
    let expected = features(&place, place.weights());
    let convert = |arguments: &[&str]| place.pomona(["weights", "convert"].iter().chain(arguments));
    let names = ["--names", "timm"];
    convert(&["random.safetensors", "timm.safetensors", names[0], names[1]])
        .code(0)
        .says("pads as TensorFlow does");
    assert_eq!(features(&place, "timm.safetensors"), expected);
    let weights = |file: &str| place.pomona(["weights", "inspect", file]).code(0).stdout();
    assert!(weights("timm.safetensors").contains("names         timm"));

    convert(&[
        "fruits",
        "half.safetensors",
        "--dtype",
        "bf16",
        "--names",
        "torchvision",
    ])
    .code(0);
    let half = weights("half.safetensors");
    assert!(
        half.contains("262 BF16") && half.contains("114, named by metadata"),
        "{half}"
    );
    assert!(half.contains("Apache-2.0"), "{half}");
    // The type of the input unless another is asked for; a file can be written over itself.
    convert(&[
        "half.safetensors",
        "half.safetensors",
        "--names",
        "huggingface",
    ])
    .code(0);
    assert!(weights("half.safetensors").contains("262 BF16"));

    // Classes are named afterwards.
    let labels: Vec<String> = (0..114)
        .map(|class| format!("class of mine {class}"))
        .collect();
    fs::write(place.path("labels.txt"), labels.join("\n")).unwrap();
    convert(&["fruits", "mine.safetensors", "--labels", "labels.txt"]).code(0);
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images';
               SELECT count(*) AS n FROM images
               WHERE classify_image(content, 1)[1]['label'] LIKE 'class of mine %'";
    let ran = place.pomona([
        "sql",
        "-q",
        "--format",
        "csv",
        "-c",
        sql,
        "--weights",
        "mine.safetensors",
    ]);
    assert_eq!(ran.code(0).stdout(), "n\n15\n");
    fs::write(place.path("labels.txt"), "a\nb").unwrap();
    convert(&["fruits", "mine.safetensors", "--labels", "labels.txt"])
        .code(1)
        .says("names 2 classes, the classifier has 114");
    convert(&["fruits", "nowhere/x.safetensors"])
        .code(1)
        .says("nowhere");
}

#[test]
fn classes_without_names_say_how_to_name_them() {
    let place = Workplace::new();
    let options = SaveOptions {
        names: NameScheme::Timm,
        ..SaveOptions::default()
    };
    let bytes = Weights::fruits().unwrap().to_bytes(&options).unwrap();
    // The same file without the entry.
    let file = safetensors_without_labels(&bytes);
    fs::write(place.path("unnamed.safetensors"), file).unwrap();
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images';
               SELECT classify_image(content) FROM images";
    place
        .pomona(["sql", "-q", "-c", sql, "--weights", "unnamed.safetensors"])
        .code(1)
        .says("do not name their 114 classes")
        .says("pomona weights convert");
}

/// A safetensors file with another name for its entry `labels`: the header keeps its length.
fn safetensors_without_labels(bytes: &[u8]) -> Vec<u8> {
    let entry = b"\"labels\"";
    let place = bytes.windows(entry.len()).position(|part| part == entry);
    let mut changed = bytes.to_vec();
    let place = place.unwrap();
    changed[place..place + entry.len()].copy_from_slice(b"\"lebals\"");
    changed
}

#[test]
fn the_demo_needs_nothing() {
    let place = Workplace::new();
    // Settings of the user change nothing of it, and it can be repeated.
    fs::write(
        place.path("pomona.toml"),
        "[run]\ncomponents = 2\nlimit = 3\n",
    )
    .unwrap();
    for _ in 0..2 {
        let ran = place.pomona(["demo", "try"]).code(0);
        let table = ran.stdout();
        for words in ["| Banana      | 6 ", "| Orange      | 6 ", "pc1"] {
            assert!(table.contains(words), "no {words} in {table}");
        }
        assert!(ran.stderr().contains("try/results/report.html"));
    }
    assert!(place.path("try/results/report.html").is_file());
    let features = "SELECT count(*) AS n, count(DISTINCT label) AS l FROM 'try/results/features/'";
    assert_eq!(place.query(features), "n,l\n48,8\n");
}
