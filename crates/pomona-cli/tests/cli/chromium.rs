//! Headless Chromium, driven through its DevTools protocol over a pipe.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>: requests and answers are objects of JSON,
//! each followed by a zero byte; the browser reads from descriptor 3 and writes to descriptor 4.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pomona_tests::patience::PATIENCE;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser with one page.
pub struct Chromium {
    process: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    /// Events that the browser sent.
    events: Vec<Value>,
    next_id: u64,
    session: Option<String>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts the `chromium` that is on the PATH; `None`, and a line that says so, where there is
    /// none.
    pub fn start() -> Option<Self> {
        let found = Command::new("chromium").arg("--version").output();
        if !found.is_ok_and(|found| found.status.success()) {
            eprintln!("skipped: there is no chromium on the PATH");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        // The shell puts the pipes where the browser looks for them.
        let mut process = Command::new("sh")
            .args([
                "-c",
                "exec chromium \"$@\" 3<&0 4>&1 0</dev/null 1>&2",
                "sh",
            ])
            .args(["--headless", "--remote-debugging-pipe", "--disable-gpu"])
            // The sandbox refuses to run for root, as whom containers run their tests, and needs
            // more shared memory than they have.
            .args(["--no-sandbox", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = vec![];
            while answers
                .read_until(0, &mut message)
                .is_ok_and(|length| length > 0)
            {
                let json = message.strip_suffix(&[0]).unwrap_or(&message);
                let Ok(json) = serde_json::from_slice(json) else {
                    break;
                };
                if sender.send(json).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut this = Self {
            process,
            requests,
            messages,
            events: vec![],
            next_id: 0,
            session: None,
            _profile: profile,
        };
        this.attach();
        Some(this)
    }

    fn attach(&mut self) {
        // The browser answers before it has its page.
        let end = Instant::now() + PATIENCE;
        let page = loop {
            let targets = self.call("Target.getTargets", json!({}));
            let mut pages = targets["targetInfos"].as_array().unwrap().iter();
            if let Some(page) = pages.find(|target| target["type"] == "page") {
                break page.clone();
            }
            assert!(Instant::now() < end, "the browser has no page: {targets}");
            thread::sleep(Duration::from_millis(50));
        };
        let parameters = json!({"targetId": page["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", parameters);
        self.session = Some(attached["sessionId"].as_str().unwrap().to_string());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
        self.call("Page.setLifecycleEventsEnabled", json!({"enabled": true}));
    }

    /// Calls a method and returns its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        let answer = self.answer(method, parameters);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// What the browser answers, which may be an error.
    #[track_caller]
    fn answer(&mut self, method: &str, parameters: Value) -> Value {
        self.next_id += 1;
        let mut request = json!({"id": self.next_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        let mut bytes = request.to_string().into_bytes();
        bytes.push(0);
        self.requests.write_all(&bytes).unwrap();
        let id = Value::from(self.next_id);
        self.wait(method, |message| message["id"] == id)
    }

    /// Waits for a message; all others are kept as events.
    #[track_caller]
    fn wait(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) if is_it(&message) => return message,
                Ok(message) => self.events.push(message),
                Err(error) => panic!("no answer to {what}: {error}"),
            }
        }
    }

    /// The width and height of the page in CSS pixels, as of a phone below 500.
    pub fn resize(&mut self, width: u32, height: u32) {
        let parameters = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.call("Emulation.setDeviceMetricsOverride", parameters);
    }

    /// Opens a file and waits until it is loaded.
    #[track_caller]
    pub fn open(&mut self, file: &Path) {
        self.visit(&format!("file://{}", file.display()));
    }

    /// Opens an address and waits until it is loaded.
    #[track_caller]
    pub fn visit(&mut self, url: &str) {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({"url": url}));
        // A page may be loaded before the browser has answered, and one that was left may still be loading.
        let is_load = |message: &Value| {
            let event = &message["params"];
            message["method"] == "Page.lifecycleEvent"
                && event["name"] == "load"
                && event["loaderId"] == answer["loaderId"]
        };
        if !self.events.iter().any(is_load) {
            self.wait(url, is_load);
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let value = self.try_evaluate(expression);
        value.unwrap_or_else(|answer| panic!("{expression}: {answer}"))
    }

    /// The value of an expression in the page, or what the browser answers where there is none: the page is not as
    /// expected, or gives way to another one.
    #[track_caller]
    fn try_evaluate(&mut self, expression: &str) -> Result<Value, Value> {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.answer("Runtime.evaluate", parameters);
        let result = &answer["result"];
        match answer["error"].is_null() && result["exceptionDetails"].is_null() {
            true => Ok(result["result"]["value"].clone()),
            false => Err(answer),
        }
    }

    /// Waits until an expression in the page is true.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.try_evaluate(expression) != Ok(Value::Bool(true)) {
            let page = "document.body.innerText";
            assert!(
                Instant::now() < end,
                "{expression}: {}",
                self.evaluate(page)
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Clicks what leads to another page, and waits until that is loaded.
    #[track_caller]
    pub fn follow(&mut self, selector: &str) {
        let is_load = |message: &Value| message["method"] == "Page.loadEventFired";
        self.events.clear();
        // The answer comes before the page goes.
        self.evaluate(&format!(
            "void setTimeout(() => document.querySelector('{selector}').click())"
        ));
        if !self.events.iter().any(is_load) {
            let load = self.wait(selector, is_load);
            self.events.push(load);
        }
    }

    /// Goes back to the page before, and waits until it is there.
    #[track_caller]
    pub fn back(&mut self) {
        let place = |history: Value| history["currentIndex"].as_u64().unwrap();
        let before = place(self.call("Page.getNavigationHistory", json!({})));
        self.evaluate("void setTimeout(() => history.back())");
        let end = Instant::now() + PATIENCE;
        while place(self.call("Page.getNavigationHistory", json!({}))) == before {
            assert!(Instant::now() < end, "there is no page before this one");
            thread::sleep(Duration::from_millis(50));
        }
        self.until("document.readyState === 'complete'");
    }

    /// The whole page as PNG.
    #[track_caller]
    pub fn screenshot(&mut self) -> Vec<u8> {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let png = self.call("Page.captureScreenshot", parameters);
        STANDARD.decode(png["data"].as_str().unwrap()).unwrap()
    }

    /// Moves the pointer to a place of the window.
    pub fn point_at(&mut self, x: f64, y: f64) {
        let parameters = json!({"type": "mouseMoved", "x": x, "y": y});
        self.call("Input.dispatchMouseEvent", parameters);
    }

    /// Presses and lets go of a key.
    pub fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let parameters = json!({"type": kind, "key": key, "code": key});
            self.call("Input.dispatchKeyEvent", parameters);
        }
    }

    /// What the page wrote to the console, errors and warnings that the browser has about it, and
    /// exceptions.
    pub fn complaints(&self) -> Vec<String> {
        let complaints = [
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        ];
        let events = self.events.iter();
        events
            .filter(|event| complaints.iter().any(|name| event["method"] == *name))
            .map(ToString::to_string)
            .collect()
    }

    /// The URLs that were asked for since the page was opened.
    pub fn requested(&self) -> Vec<String> {
        let events = self.events.iter();
        events
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .filter_map(|event| event["params"]["request"]["url"].as_str())
            .map(str::to_string)
            .collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Its other processes end with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
