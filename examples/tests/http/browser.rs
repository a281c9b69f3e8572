//! A private Chromium behind its driver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Debian's `chromium-driver`, or what `CHROMEDRIVER` names.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    /// It takes a port that was free a moment ago; somebody else may be faster.
    fn start() -> Self {
        (0..5).find_map(|_| Self::try_start()).expect("a driver starts")
    }

    fn try_start() -> Option<Self> {
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        let child = Command::new(&program).arg("--port=0").stdout(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}: {error}; `tests/run` installs it"));
        let mut driver = Self { child, url: String::new() };
        let mut output = BufReader::new(driver.child.stdout.take()?).lines();
        while driver.url.is_empty() {
            if let Some((_, port)) = output.next()?.unwrap().rsplit_once("started successfully on port ") {
                driver.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
            }
        }
        std::thread::spawn(move || output.for_each(drop));
        Some(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A browser with a profile of its own. Closed and opened again on the same profile, it is the same user's.
pub(crate) struct Browser {
    client: Client,
    driver: Driver,
}

impl Browser {
    pub(crate) async fn open(profile: &std::path::Path) -> Self {
        let driver = Driver::start();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=390,844",
        ];
        let mut arguments: Vec<_> = arguments.iter().map(|argument| json!(argument)).collect();
        arguments.push(json!(format!("--user-data-dir={}", profile.display())));
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("written as an object") };
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&driver.url).await.unwrap();
        Self { client, driver }
    }

    /// Of a device that was never here. Its profile goes with what is returned.
    pub(crate) async fn visit(url: &str) -> (tempfile::TempDir, Self) {
        let profile = tempfile::tempdir().unwrap();
        let browser = Self::open(profile.path()).await;
        browser.goto(url).await;
        (profile, browser)
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn find(&self, id: &str) -> Element {
        self.client.find(Locator::Id(id)).await.unwrap()
    }

    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let field = self.find(id).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn click(&self, id: &str) {
        self.find(id).await.click().await.unwrap();
    }

    pub(crate) async fn click_css(&self, selector: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    pub(crate) async fn text(&self, id: &str) -> String {
        self.find(id).await.text().await.unwrap()
    }

    /// Types a PIN on the pad, button by button.
    pub(crate) async fn enter_pin(&self, pin: &str) {
        for digit in pin.chars() {
            self.click_css(&format!("[data-digit=\"{digit}\"]")).await;
        }
        self.click("pin-submit").await;
    }

    /// Presses keys as a keyboard does, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// What the console said since last asked: violations of the policy, uncaught errors, failed requests.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(BrowserLog).await.unwrap();
        entries.as_array().into_iter().flatten().map(|entry| entry["message"].to_string()).collect()
    }

    /// How often the memory of the browser, with all its processes and its driver, has these.
    #[cfg(target_os = "linux")]
    pub(crate) fn count_in_memory<const N: usize>(&self, needles: [&[u8]; N]) -> [usize; N] {
        crate::memory::count(self.driver.child.id(), needles)
    }

    /// What does not arrive from now on: a pattern of addresses, or nothing any more.
    pub(crate) async fn lose(&self, addresses: &[&str]) {
        self.client.issue_cmd(DevTools("Network.enable", json!({}))).await.unwrap();
        self.client.issue_cmd(DevTools("Network.setBlockedURLs", json!({"urls": addresses}))).await.unwrap();
    }

    /// A fingerprint reader whose user is always there, with the PRF extension.
    pub(crate) async fn add_fingerprint_reader(&self) {
        self.client.issue_cmd(AddAuthenticator).await.unwrap();
    }

    pub(crate) async fn cookies(&self) -> usize {
        self.client.get_all_cookies().await.unwrap().len()
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn body_data(&self, name: &str) -> String {
        let value = self.evaluate(&format!("return document.body.dataset.{name} ?? ''")).await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows this view.
    pub(crate) async fn wait_for_view(&self, view: &str) {
        self.wait_until(view, async || self.body_data("view").await == view).await;
    }

    pub(crate) async fn wait_for_step(&self, step: &str) {
        self.wait_until(step, async || self.body_data("step").await == step).await;
    }

    /// Waits until an element shows this text.
    pub(crate) async fn wait_for_text(&self, id: &str, text: &str) {
        self.wait_until(text, async || self.text(id).await.contains(text)).await;
    }

    pub(crate) async fn wait_until_shown(&self, id: &str) {
        self.wait_until_true(&format!("return !document.getElementById('{id}').hidden")).await;
    }

    pub(crate) async fn wait_until_true(&self, script: &str) {
        self.wait_until(script, async || self.evaluate(script).await == true).await;
    }

    /// Waits so many seconds at most until an element shows this and no more.
    pub(crate) async fn wait_for_only(&self, secs: usize, id: &str, text: &str) {
        for _ in 0..secs {
            if self.text(id).await == text {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.wait_until(text, async || self.text(id).await == text).await;
    }

    async fn wait_until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        for _ in 0..200 {
            if condition().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let view = self.evaluate("return document.body.dataset.view + ': ' + document.body.innerText").await;
        panic!("waited in vain for {what}; the page shows {view}");
    }
}

/// ChromeDriver's own command for the console.
#[derive(Debug)]
struct BrowserLog;

impl WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

/// ChromeDriver's own way to a command of the browser's developer tools.
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.0, "params": self.1}).to_string()))
    }
}

/// WebDriver's command for a virtual authenticator (WebAuthn Level 3, section 11).
#[derive(Debug)]
struct AddAuthenticator;

impl WebDriverCompatibleCommand for AddAuthenticator {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/webauthn/authenticator", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        let reader = json!({
            "protocol": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserConsenting": true,
            "isUserVerified": true,
            "extensions": ["prf"],
        });
        (http::Method::POST, Some(reader.to_string()))
    }
}
