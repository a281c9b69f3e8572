//! A private server on a free port, and a client that knows only the contract.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const PIN: &str = "739216";
pub(crate) const WRONG: &str = "739217";

/// The example whose tests these are.
pub(crate) fn program() -> &'static str {
    let axum = option_env!("CARGO_BIN_EXE_pinlatch-example-axum");
    axum.or(option_env!("CARGO_BIN_EXE_pinlatch-example-actix")).expect("cargo says where the example is")
}

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts with its own environment; answers when the port is open.
    pub(crate) fn start(store: &str) -> Self {
        Self::start_with(store, &[])
    }

    pub(crate) fn start_with(store: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program())
            .env_clear()
            .env("ADDR", "127.0.0.1:0")
            .env("STORE", store)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        // Somebody has to read on, or the server's log would block it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, url }
    }

    pub(crate) fn on_file(directory: &Path) -> Self {
        Self::start(&format!("sqlite://{}", directory.join("demo.db").display()))
    }

    /// Starts on the address that another server had.
    pub(crate) fn on_file_at(directory: &Path, url: &str) -> Self {
        let addr = url.strip_prefix("http://").unwrap();
        Self::start_with(&format!("sqlite://{}", directory.join("demo.db").display()), &[("ADDR", addr)])
    }

    /// Its resident memory in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Dead already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) content_type: String,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let retry_after = header("retry-after").and_then(|text| text.parse().ok());
        let content_type = header("content-type").unwrap_or_default();
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null);
        Self { status, retry_after, content_type, headers, body }
    }

    /// The member of the body, as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    url: String,
}

impl Api {
    pub(crate) fn of(server: &Server) -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        Self { client, url: server.url.clone() }
    }

    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Ok(Answer::of(request.send().await?).await)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_call(Method::POST, path, None, Some(body)).await.unwrap()
    }

    /// As a proxy passes it on.
    pub(crate) async fn forwarded(&self, path: &str, told: &str, body: Value) -> Answer {
        let request = self.client.post(format!("{}{path}", self.url)).header("x-forwarded-for", told);
        Answer::of(request.json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn with_token(&self, method: Method, path: &str, token: &str) -> Answer {
        self.try_call(method, path, Some(token), None).await.unwrap()
    }

    pub(crate) async fn raw(&self, body: &str, content_type: &str) -> Answer {
        Answer::of(self.bytes("/login", body.as_bytes().to_vec(), content_type).await).await
    }

    pub(crate) async fn bytes(&self, path: &str, body: Vec<u8>, content_type: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", content_type);
        request.body(body).send().await.unwrap()
    }

    /// Logs alice in and returns the wrapped token.
    pub(crate) async fn login(&self) -> String {
        let answer = self.post("/login", json!({"username": "alice", "password": PASSWORD, "pin": PIN})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.text("wrapped_token")
    }

    pub(crate) async fn authorize(&self, wrapped: &str, pin: &str) -> Answer {
        self.post("/authorize", json!({"wrapped_token": wrapped, "pin": pin})).await
    }
}
