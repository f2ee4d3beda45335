//! The pages: what they say, what they escape and hide, and how large they are.

use std::sync::Arc;
use std::time::Instant;

use pomona_console::{
    Cluster, Content, Executor, Frame, Job, JobRow, JobState, Language, List, Order, Run, RunStage,
    Settings, Stage, StageState, Task, TaskState, View, cancel_page, message_page,
};

const NOW: u64 = 1_795_252_500_000;

fn cluster() -> Cluster {
    Cluster {
        address: "df://10.0.0.7:50050".to_string(),
        version: "0.2.0".to_string(),
        started: NOW - 3_600_000,
        now: NOW,
        executor_timeout_seconds: 30,
    }
}

fn frame(cluster: &Cluster, language: Language) -> Frame<'_> {
    Frame {
        cluster,
        language,
        settings: Settings::default(),
    }
}

fn row(number: usize) -> JobRow {
    JobRow {
        id: format!("JOB{number}"),
        name: format!("features {number}"),
        state: JobState::Running,
        queued: NOW - 60_000 + number as u64,
        started: NOW - 60_000,
        stages: 2,
        stages_done: 1,
        tasks: 16,
        tasks_done: 4,
        images: Some(1200),
        ..JobRow::default()
    }
}

fn task(id: usize, state: TaskState) -> Task {
    Task {
        id,
        partitions: vec![id],
        state,
        executor: format!("executor-{}", id % 3),
        started: NOW - 50_000,
        ended: if state == TaskState::Running {
            0
        } else {
            NOW - 40_000
        },
        error: (state == TaskState::Failed).then(|| "<b>lost</b> s3_secret_key = 'X1'".to_string()),
    }
}

fn job(tasks: usize) -> Job {
    let mut all: Vec<Task> = (0..tasks)
        .map(|id| task(id, TaskState::Completed))
        .collect();
    all.push(task(tasks, TaskState::Failed));
    let stage = |id, state, inputs, tasks| Stage {
        id,
        state,
        inputs,
        partitions: 16,
        tasks,
        rows_in: 1234,
        plan: "ShuffleWriterExec\n  DecodeExec".to_string(),
        ..Stage::default()
    };
    Job {
        row: row(1),
        sql: Some("SELECT '<script>alert(1)</script>', password = 'X1'".to_string()),
        plan: "CoalescePartitionsExec".to_string(),
        stages: vec![
            stage(1, StageState::Running, vec![], all),
            stage(2, StageState::Waiting, vec![1], vec![]),
        ],
        ..Job::default()
    }
}

fn view_of_job() -> View {
    View::of_job("JOB1")
}

fn document(view: &View, content: &Content, frame: &Frame<'_>) -> String {
    view.render(content, frame).unwrap().document(view, frame)
}

#[test]
fn a_job_shows_its_stages_its_skew_and_its_query() {
    let cluster = cluster();
    let frame = frame(&cluster, Language::English);
    let html = document(&view_of_job(), &Content::Job(Arc::new(job(3))), &frame);
    for part in [
        "4 of 16 tasks",
        "about 3\u{a0}min 00\u{a0}s",
        "20.0/s",
        "Slowest task",
        "10.0\u{a0}s",
        "href=\"/job/JOB1/stage/1?lang=en\"",
        "href=\"/job/JOB1/cancel?lang=en\"",
        "data-live=\"/live/job/JOB1?lang=en\"",
        "<svg class=\"stages\"",
        "3 of 16 tasks",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
}

#[test]
fn untrusted_text_is_escaped_and_secrets_are_hidden() {
    let cluster = cluster();
    let hostile = "<img src=x onerror=alert(1)> \" &";
    let mut job = job(3);
    job.row.name = hostile.to_string();
    job.row.state = JobState::Failed;
    job.row.error = Some("cannot read https://me:X1@host/a".to_string());
    job.stages[0].error = Some(hostile.to_string());
    job.stages[0].plan = format!("{hostile} token=X1");
    job.plan = hostile.to_string();
    let stage = View::of_stage("JOB1", 1);
    let rows = vec![Arc::new(job.row.clone())];
    let executors = vec![Executor {
        id: hostile.to_string(),
        host: hostile.to_string(),
        ..Executor::default()
    }];
    let content = Content::Job(Arc::new(job.clone()));
    for language in Language::ALL {
        let frame = frame(&cluster, language);
        let pages = [
            document(&view_of_job(), &content, &frame),
            document(&stage, &content, &frame),
            document(
                &View::of_jobs(),
                &Content::Jobs(rows.clone(), executors.clone()),
                &frame,
            ),
            document(
                &View::of_executors(),
                &Content::Executors(executors.clone()),
                &frame,
            ),
            cancel_page(&job.row, "a\"b", &frame),
            message_page(Some(hostile), &frame),
        ];
        for page in pages {
            assert!(
                !page.contains("<img") && !page.contains("<script>"),
                "{page}"
            );
            assert!(!page.contains("<b>") && !page.contains("a\"b"), "{page}");
            assert!(!page.contains("X1"), "{page}");
        }
    }
}

#[test]
fn a_page_that_is_read_only_cancels_nothing() {
    let cluster = cluster();
    let mut frame = frame(&cluster, Language::French);
    let content = Content::Job(Arc::new(job(3)));
    assert!(document(&view_of_job(), &content, &frame).contains("/cancel"));
    frame.settings.read_only = true;
    let html = document(&view_of_job(), &content, &frame);
    assert!(!html.contains("/cancel") && html.contains("lecture seule"));
}

#[test]
fn an_ended_job_is_not_cancelled_and_not_live() {
    let cluster = cluster();
    let frame = frame(&cluster, Language::English);
    let mut job = job(3);
    job.row.state = JobState::Completed;
    job.row.ended = NOW;
    let page = view_of_job()
        .render(&Content::Job(Arc::new(job)), &frame)
        .unwrap();
    assert!(page.is_final);
    let html = page.document(&view_of_job(), &frame);
    assert!(!html.contains("data-live") && !html.contains("/cancel"));
}

#[test]
fn a_lost_executor_is_said_to_be_gone() {
    let cluster = cluster();
    let executor = |id: &str, heartbeat, is_gone| Executor {
        id: id.to_string(),
        host: "10.0.0.8".to_string(),
        heartbeat,
        is_gone,
        ..Executor::default()
    };
    let executors = vec![
        executor("a", NOW - 2000, false),
        executor("b", NOW - 20_000, false),
        executor("c", NOW - 90_000, true),
    ];
    let frame = frame(&cluster, Language::English);
    let view = View::of_executors();
    let html = document(&view, &Content::Executors(executors), &frame);
    let states: Vec<usize> = [">live<", ">late<", ">gone<"]
        .iter()
        .map(|state| html.find(state).unwrap())
        .collect();
    assert!(states.is_sorted(), "{html}");
    assert!(html.contains("1\u{a0}min 30\u{a0}s ago"));
}

#[test]
fn a_stage_that_is_unknown_has_no_page() {
    let cluster = cluster();
    let frame = frame(&cluster, Language::English);
    let view = View::of_stage("JOB1", 9);
    assert_eq!(view.render(&Content::Job(Arc::new(job(1))), &frame), None);
}

/// A thousand jobs and ten thousand tasks: pages of lists stay small, and are made in milliseconds.
#[test]
fn large_clusters_have_small_pages() {
    let cluster = cluster();
    let frame = frame(&cluster, Language::English);
    let jobs = Content::Jobs((0..1000).map(|n| Arc::new(row(n))).collect(), vec![]);
    let large = Content::Job(Arc::new(job(10_000)));
    let list = |page| List { page, order: None };
    let stage = |page| View::of_stage("JOB1", 1).with(list(page));
    for (view, content, last) in [
        (View::of_jobs().with(list(20)), &jobs, "Page 20 of 20"),
        (stage(201), &large, "Page 201 of 201"),
        (view_of_job(), &large, "Stage 2"),
    ] {
        let times = (0..5).map(|_| {
            let start = Instant::now();
            let html = document(&view, content, &frame);
            let took = start.elapsed();
            println!("{view:?}: {} bytes in {took:?}", html.len());
            assert!(html.contains(last), "{html}");
            assert!(html.len() < 64 << 10, "{} bytes", html.len());
            took
        });
        // Milliseconds without optimization; the bound and the rounds are for a busy machine.
        let took = times.min().unwrap();
        assert!(took.as_secs() < 2, "{took:?}");
    }
    // The newest is first, and a page beyond the last is empty.
    let first = document(&View::of_jobs(), &jobs, &frame);
    assert!(first.contains("JOB999") && !first.contains("JOB949<"));
}

#[test]
fn lists_are_sorted_by_their_headings() {
    let cluster = cluster();
    let frame = frame(&cluster, Language::English);
    let sorted = |order: &str| List {
        page: 1,
        order: Order::parse(order),
    };
    // Where the parts stand in the page.
    let order = |html: &str, parts: &[&str]| -> Vec<usize> {
        let found = parts.iter().map(|part| html.find(part));
        found.map(Option::unwrap).collect()
    };

    let mut rows: Vec<JobRow> = (0..3).map(row).collect();
    (rows[0].images, rows[1].images) = (Some(7), None);
    let jobs = Content::Jobs(rows.into_iter().map(Arc::new).collect(), vec![]);
    let view = View::of_jobs();
    let html = document(&view, &jobs, &frame);
    assert!(!html.contains("aria-sort"), "{html}");
    // The first click on numbers shows the largest, and what is unknown is last.
    assert!(
        html.contains("href=\"/?lang=en&amp;sort=-images\""),
        "{html}"
    );
    let html = document(&view.with(sorted("-images")), &jobs, &frame);
    assert!(html.contains("aria-sort=\"descending\""), "{html}");
    assert!(
        html.contains("href=\"/?lang=en&amp;sort=images\""),
        "{html}"
    );
    assert!(
        html.contains("href=\"/?lang=fr&amp;sort=-images\""),
        "{html}"
    );
    assert!(html.contains("data-live=\"/live/?lang=en&amp;sort=-images\""));
    assert!(order(&html, &[">JOB2<", ">JOB0<", ">JOB1<"]).is_sorted());
    let html = document(&view.with(sorted("images")), &jobs, &frame);
    assert!(order(&html, &[">JOB0<", ">JOB2<", ">JOB1<"]).is_sorted());

    let executor = |id: &str, memory| Executor {
        id: id.to_string(),
        memory,
        ..Executor::default()
    };
    let executors = vec![executor("a1", Some(5)), executor("b2", Some(9))];
    let view = View::of_executors().with(sorted("-memory"));
    let html = document(&view, &Content::Executors(executors), &frame);
    assert!(order(&html, &[">b2<", ">a1<"]).is_sorted());

    let mut job = job(120);
    job.stages[1].rows_in = 9999;
    let job = Content::Job(Arc::new(job));
    let html = document(&view_of_job().with(sorted("-rows_in")), &job, &frame);
    let table = html.split("<tbody>").nth(1).unwrap();
    assert!(order(table, &["Stage 2", "Stage 1"]).is_sorted());
    // The order stays from one part of a list to the next.
    let view = View::of_stage("JOB1", 1).with(sorted("task"));
    let html = document(&view, &job, &frame);
    let next = "href=\"/job/JOB1/stage/1?lang=en&amp;sort=task&amp;page=2\"";
    assert!(html.contains(next), "{html}");
    let numbers = [0, 1, 2].map(|id| format!("scope=\"row\">{id}<"));
    assert!(order(&html, &numbers.each_ref().map(String::as_str)).is_sorted());
}

#[test]
fn a_run_shows_its_stages() {
    let cluster = cluster();
    let mut frame = frame(&cluster, Language::English);
    frame.settings = Settings {
        read_only: true,
        single_run: true,
    };
    let stage = |name: &str, ended, images_done| RunStage {
        name: name.to_string(),
        started: NOW - 20_000,
        ended,
        images_done,
        images: 400,
    };
    let mut run = Run {
        input: "s3://bucket/<b>".to_string(),
        output: "out".to_string(),
        images: Some(400),
        started: NOW - 30_000,
        stages: vec![
            stage("features", NOW - 10_000, 400),
            stage("pca_fit", 0, 100),
        ],
        notes: vec!["3 files are no images, token=X1".to_string()],
        ..Run::default()
    };
    let view = View::of_jobs();
    let page = view
        .render(&Content::Run(Arc::new(run.clone())), &frame)
        .unwrap();
    assert!(!page.is_final);
    let html = page.document(&view, &frame);
    for part in [
        "s3://bucket/&lt;b&gt;",
        "400 of 400 images",
        "100 of 400 images",
        "about 1\u{a0}min 00\u{a0}s",
        "token=***",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(!html.contains("/executors") && !html.contains("scheduler"));
    run.ended = NOW;
    run.error = Some("no images at 'nowhere'".to_string());
    let page = view.render(&Content::Run(Arc::new(run)), &frame).unwrap();
    assert!(page.is_final);
    assert!(
        page.document(&view, &frame)
            .contains("no images at 'nowhere'")
    );
}
