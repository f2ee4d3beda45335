//! Mutual TLS: who shows no certificate of the cluster's authority is refused.

use std::fs;

use pomona_tests::certificates::{flags, write_certificates};

use super::{options, start};
use crate::workplace::Workplace;

#[test]
fn a_cluster_with_certificates_refuses_those_without() {
    let place = Workplace::new();
    let (ours, theirs) = (place.path("ours"), place.path("theirs"));
    write_certificates(&ours);
    write_certificates(&theirs);
    let mut encrypted = options();
    encrypted.tls = flags(&ours);
    let cluster = start(encrypted);
    let url = cluster.url();
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
        SELECT label, count(content) AS n FROM images GROUP BY label ORDER BY label";
    let query = |certificates: &[String]| {
        let mut arguments: Vec<String> = ["sql", "--format", "csv", "--scheduler", &url, "-c", sql]
            .map(str::to_string)
            .to_vec();
        arguments.extend(certificates.iter().cloned());
        place.pomona(arguments)
    };
    let answered = query(&flags(&ours)).code(0);
    assert_eq!(
        answered.stdout(),
        "label,n\nApple Red,5\nKiwi,5\nPêche+Plate,5\n"
    );
    let mut jobs = vec!["jobs".to_string(), format!("--scheduler={url}")];
    jobs.extend(flags(&ours));
    assert!(place.pomona(&jobs).code(0).stdout().contains("Completed"));

    // Without a certificate, and with one of another authority.
    query(&[]).code(1).says("no scheduler answers");
    query(&flags(&theirs)).code(1).says("no scheduler answers");
    // The executors' ports are closed to strangers as well: plain HTTP gets no answer there.
    assert!(cluster.get("/api/jobs").unwrap_or_default().is_empty());
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let place = Workplace::new();
    let certificates = place.path("tls");
    write_certificates(&certificates);
    fs::write(certificates.join("key.pem"), "no key").unwrap();
    let mut scheduler = vec!["scheduler".to_string(), "--bind-port=0".to_string()];
    scheduler.extend(flags(&certificates));
    place.pomona(&scheduler).code(1).says("key.pem");
    place
        .pomona(["scheduler", "--tls-ca", "ca.pem"])
        .code(2)
        .says("--tls-cert");
}
