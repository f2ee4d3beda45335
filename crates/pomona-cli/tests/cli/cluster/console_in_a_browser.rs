//! The pages of a scheduler in headless Chromium, with real processes behind them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pomona_tests::cluster::SHORT_TIMEOUT_SECONDS;
use pomona_tests::patience::in_some_round;
use serde_json::json;

use super::console::{begin_query, long_query};
use super::jobs::LONG;
use super::{options, start};
use crate::chromium::Chromium;
use crate::workplace::Workplace;

/// A query of several stages whose tasks take seconds, so that a page can follow it.
const STAGES: &str = "SET datafusion.execution.target_partitions = 4; \
     SELECT a.k, sum(a.value * b.value) AS s \
     FROM (SELECT value, value % 7 AS k FROM generate_series(1, 6000)) a \
     JOIN (SELECT value, value % 7 AS k FROM generate_series(1, 60000)) b ON a.k = b.k \
     GROUP BY a.k ORDER BY a.k";

fn theme(chromium: &mut Chromium, scheme: &str) {
    let feature = json!({"name": "prefers-color-scheme", "value": scheme});
    chromium.call("Emulation.setEmulatedMedia", json!({"features": [feature]}));
}

/// Keeps an image of the page where POMONA_SCREENSHOTS names a folder.
fn keep(chromium: &mut Chromium, name: &str) {
    if let Some(folder) = std::env::var_os("POMONA_SCREENSHOTS").map(PathBuf::from) {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), chromium.screenshot()).unwrap();
    }
}

/// Fits its width, refers to nothing dangling, asks nobody else, and the browser has no complaint.
#[track_caller]
fn is_sound(chromium: &mut Chromium, origin: &str) {
    let wide = chromium.evaluate("[document.scrollingElement.scrollWidth, innerWidth]");
    assert!(wide[0].as_u64() <= wide[1].as_u64(), "{wide}");
    let dangling = "[...document.querySelectorAll('[aria-labelledby]')]\
                    .flatMap((e) => e.getAttribute('aria-labelledby').split(' '))\
                    .filter((id) => !document.getElementById(id)).length";
    assert_eq!(chromium.evaluate(dangling), 0);
    let twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); \
                 return ids.length - new Set(ids).size; })()";
    assert_eq!(chromium.evaluate(twice), 0);
    let foreign: Vec<_> = chromium
        .requested()
        .into_iter()
        .filter(|url| !url.starts_with("data:") && !url.starts_with(origin))
        .collect();
    assert_eq!(foreign, [""; 0]);
    assert_eq!(chromium.complaints(), [""; 0]);
}

#[test]
fn a_job_is_watched_from_its_start_to_its_end() {
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    let cluster = start(options());
    let place = Workplace::new();
    let origin = format!("http://{}", cluster.address());
    chromium.resize(1280, 900);
    chromium.visit(&format!("{origin}/?lang=en"));
    chromium.until("document.body.innerText.includes('There is no job')");
    let mut query = begin_query(&cluster, &place, STAGES);
    // The list shows it without being loaded again, and leads to its page.
    chromium.until("!!document.querySelector('#jobs a[href^=\"/job/\"]')");
    keep(&mut chromium, "jobs-running-light");
    let link = "document.querySelector('#jobs a[href^=\"/job/\"]').href";
    let link = chromium.evaluate(link).as_str().unwrap().to_string();
    chromium.visit(&link);
    is_sound(&mut chromium, &origin);
    keep(&mut chromium, "job-running-light");
    chromium.until("document.querySelector('.headline').innerText.includes('completed')");
    assert!(query.wait().unwrap().success());
    // Stages, a drawing of them, the SQL, and a plan that opens by the keyboard.
    chromium.until("document.querySelectorAll('#stages tbody tr').length > 1");
    chromium.until("document.querySelectorAll('svg.stages .node.completed').length > 1");
    chromium.until("document.querySelector('#query').innerText.includes('generate_series')");
    assert_eq!(
        chromium.evaluate("document.querySelector('#plan').open"),
        false
    );
    chromium.evaluate("document.querySelector('#plan summary').focus()");
    chromium.press(" ");
    chromium.until("document.querySelector('#plan').open");

    let stage = "document.querySelector('#stages th[scope=row] a').href";
    let stage = chromium.evaluate(stage).as_str().unwrap().to_string();
    for (name, url) in [
        ("jobs", format!("{origin}/?lang=en")),
        ("job", link.clone()),
        ("stage", stage),
        ("executors", format!("{origin}/executors?lang=en")),
        ("job-fr", link.replace("lang=en", "lang=fr")),
    ] {
        for (width, height) in [(1280, 900), (820, 1100), (360, 740)] {
            for scheme in ["light", "dark"] {
                theme(&mut chromium, scheme);
                chromium.resize(width, height);
                chromium.visit(&url);
                is_sound(&mut chromium, &origin);
                keep(&mut chromium, &format!("{name}-{width}-{scheme}"));
            }
        }
    }
}

#[test]
fn a_job_is_cancelled_in_two_steps() {
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    let cluster = start(options());
    let place = Workplace::new();
    let (mut query, job) = long_query(&cluster, &place, LONG);
    let origin = format!("http://{}", cluster.address());
    chromium.visit(&format!("{origin}/job/{job}?lang=en"));
    chromium.follow("#cancel a");
    chromium.until("!!document.querySelector('button.danger')");
    keep(&mut chromium, "cancel");
    is_sound(&mut chromium, &origin);
    assert!(query.try_wait().unwrap().is_none());
    chromium.follow("button.danger");
    chromium.until("!!document.querySelector('.headline .state.cancelled')");
    assert_eq!(query.wait().unwrap().code(), Some(1));
}

#[test]
fn an_executor_that_is_killed_is_said_to_be_gone_within_its_timeout() {
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    let mut cluster = start(options().with_short_timeout());
    let origin = format!("http://{}", cluster.address());
    chromium.visit(&format!("{origin}/executors?lang=en"));
    chromium.until("document.querySelectorAll('#executors .state.completed').length === 2");
    let gone = "document.querySelectorAll('#executors .state.failed').length";
    let mut oldest = 0;
    in_some_round(|| {
        let before = chromium.evaluate(gone).as_u64().unwrap();
        cluster.kill_executor(oldest).unwrap();
        let killed = Instant::now();
        chromium.until(&format!("{gone} > {before}"));
        let took = killed.elapsed();
        println!("the page says so after {took:?}");
        // The scheduler looks for lost executors every second, and the page at the scheduler; the rest is for a busy
        // machine.
        if took < 3 * Duration::from_secs(SHORT_TIMEOUT_SECONDS + 2) {
            return Ok(());
        }
        cluster.add_executor().unwrap();
        cluster.wait_for_executors(2).unwrap();
        oldest += 1;
        Err(format!("{took:?}"))
    });
    keep(&mut chromium, "executor-gone");

    // Without its scheduler, the page says that it is not connected, and is whole again after that.
    assert_eq!(
        chromium.evaluate("document.querySelector('#lost').hidden"),
        true
    );
    cluster.kill_scheduler().unwrap();
    chromium.until("!document.querySelector('#lost').hidden");
    keep(&mut chromium, "not-connected");
    cluster.restart_scheduler().unwrap();
    chromium.until("document.querySelector('#lost').hidden");
}

/// What people of other pages do: sort by a heading, follow a link, go back, and read without a script.
#[test]
fn lists_are_sorted_and_pages_are_gone_back_to() {
    let Some(mut chromium) = Chromium::start() else {
        return;
    };
    let cluster = start(options());
    let place = Workplace::new();
    let run = |name: &str| {
        let sql =
            format!("SET ballista.job.name = '{name}'; SELECT count(*) FROM generate_series(1, 9)");
        place
            .pomona(["sql", "--scheduler", &cluster.url(), "-c", &sql])
            .code(0);
    };
    run("alpha");
    run("omega");
    let origin = format!("http://{}", cluster.address());
    let names = "[...document.querySelectorAll('#jobs tbody th a')].map((a) => a.innerText).join()";
    chromium.visit(&format!("{origin}/?lang=en"));
    // The newest first, until a heading says otherwise.
    assert_eq!(chromium.evaluate(names), "omega,alpha");
    let heading = "#jobs thead a[href*=\"sort=job\"]";
    chromium.follow(heading);
    assert_eq!(chromium.evaluate(names), "alpha,omega");
    chromium.follow("#jobs th[aria-sort=\"ascending\"] a");
    assert_eq!(chromium.evaluate(names), "omega,alpha");
    is_sound(&mut chromium, &origin);
    keep(&mut chromium, "jobs-sorted");

    chromium.follow("#jobs tbody th a");
    chromium.until("document.querySelector('.headline').innerText.includes('omega')");
    chromium.follow("#stages th[scope=\"row\"] a");
    chromium.until("location.pathname.endsWith('/stage/1')");
    chromium.back();
    chromium.until("document.querySelector('.headline').innerText.includes('omega')");
    chromium.back();
    chromium.until("location.search.includes('sort=-job')");
    assert_eq!(chromium.evaluate(names), "omega,alpha");
    // It follows the cluster again, in its order.
    run("middle");
    chromium.until(&format!("{names} === 'omega,middle,alpha'"));

    // Without a script it loads itself again, and says the same.
    chromium.call(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    );
    chromium.visit(&format!("{origin}/?lang=en&sort=job"));
    let read = "[document.querySelector('meta[http-equiv=refresh]').content, \
                [...document.querySelectorAll('#jobs tbody th a')].map((a) => a.innerText).join()]";
    // It may just be loading itself again.
    chromium.until(&format!(
        "JSON.stringify({read}) === '[\"5\",\"alpha,middle,omega\"]'"
    ));
}
