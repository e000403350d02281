//! The examples as a newcomer meets them: as processes, with curl.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};

/// The binary of an example, beside this one.
fn example(name: &str) -> PathBuf {
    let me = env::current_exe().unwrap();
    let path = me.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: run `cargo build --examples`",
        path.display()
    );
    path
}

/// An example at work on a free port; killed if a test fails.
pub struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    base: String,
}

impl Server {
    /// Starts an example and waits for the line that says where it listens.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(example(name));
        command
            .args(arguments)
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let base = first
            .split("http://")
            .nth(1)
            .expect("no address in the first line");
        let base = base.split([';', ' ', '\n', '/']).next().unwrap();
        Self {
            child,
            stdout,
            base: format!("http://{base}"),
        }
    }

    /// HOST:PORT.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status and body of `curl ARGUMENTS BASE/PATH`.
    fn curl(&self, arguments: &[&str], path: &str) -> (u16, String) {
        let Output { stdout, .. } = Command::new("curl")
            .args([
                "--silent",
                "--noproxy",
                "*",
                "--max-time",
                "20",
                "--write-out",
                "\n%{http_code}",
            ])
            .args(arguments)
            .arg(format!("{}{path}", self.base))
            .output()
            .unwrap();
        let text = String::from_utf8(stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    pub fn log_in(&self, username: &str, password: &str) -> (u16, Value) {
        let (username, password) = (
            format!("username={username}"),
            format!("password={password}"),
        );
        let form = ["-d", "grant_type=password", "--data-urlencode", &username];
        let (status, body) = self.curl(
            &[&form[..], &["--data-urlencode", &password]].concat(),
            "/token",
        );
        (status, serde_json::from_str(&body).unwrap())
    }

    fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let arguments = token.map(|token| ["--oauth2-bearer", token]);
        let (status, body) = self.curl(arguments.as_ref().map_or(&[], |a| &a[..]), path);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Interrupts it as Ctrl-C does; it has to end by itself, and well. What it printed besides
    /// its first line.
    fn interrupt(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already where the test went well.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn token(login: &Value) -> &str {
    login["access_token"].as_str().unwrap()
}

#[test]
fn the_server_logs_in_with_curl_as_the_readme_says() {
    let server = Server::start("server", &["--bcrypt-cost", "4"]);

    let (status, login) = server.log_in("meera", "secret123");
    assert_eq!(status, 200);
    assert_eq!(login["token_type"], "Bearer");
    assert_eq!(login["expires_in"], 3600);
    assert_eq!(login["scope"], "items:read me");

    let token = Some(token(&login));
    let (status, me) = server.get("/me", token);
    assert_eq!((status, &me["username"]), (200, &json!("meera")));
    assert_eq!(
        server.get("/public", token),
        (200, json!({ "username": "meera" }))
    );
    assert_eq!(server.get("/items", token).0, 200);

    assert_eq!(server.get("/me", None).0, 401);
    assert_eq!(server.get("/me", Some("bad")).0, 401);
    assert_eq!(
        server.get("/public", None),
        (200, json!({ "username": null }))
    );
    assert_eq!(server.get("/public", Some("bad")).0, 401);
    assert_eq!(server.curl(&[], "/healthz"), (200, "ok\n".to_owned()));

    assert!(server.interrupt().ends_with("stopped\n"));
}

/// A form posted with curl; status and body.
fn post(server: &Server, options: &[&str], fields: &[&str], path: &str) -> (u16, Value) {
    let fields = fields.iter().flat_map(|field| ["--data-urlencode", field]);
    let arguments: Vec<_> = options.iter().copied().chain(fields).collect();
    let (status, body) = server.curl(&arguments, path);
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn refresh_field(login: &Value) -> String {
    format!("refresh_token={}", login["refresh_token"].as_str().unwrap())
}

#[test]
fn the_server_carries_a_login_on_and_ends_it_when_a_spent_token_comes_back() {
    let server = Server::start("server", &["--bcrypt-cost", "4", "--refresh-ttl", "600"]);
    let (_, login) = server.log_in("meera", "secret123");
    let spent = refresh_field(&login);
    let fields = ["grant_type=refresh_token", &spent];

    let (status, refreshed) = post(&server, &[], &fields, "/token");
    assert_eq!(status, 200, "{refreshed}");
    assert_ne!(refreshed["access_token"], login["access_token"]);
    assert_eq!(server.get("/me", Some(token(&login))).0, 200);
    assert_eq!(server.get("/me", Some(token(&refreshed))).0, 200);

    let (status, replay) = post(&server, &[], &fields, "/token");
    assert_eq!((status, &replay["error"]), (400, &json!("invalid_grant")));
    assert_eq!(server.get("/me", Some(token(&login))).0, 401);
    assert_eq!(server.get("/me", Some(token(&refreshed))).0, 401);
}

#[test]
fn the_server_gives_a_retry_the_same_tokens_within_the_grace() {
    let server = Server::start("server", &["--bcrypt-cost", "4", "--grace", "60"]);
    let (_, login) = server.log_in("meera", "secret123");
    let spent = refresh_field(&login);
    let fields = ["grant_type=refresh_token", &spent];
    let (_, first) = post(&server, &[], &fields, "/token");
    let (_, again) = post(&server, &[], &fields, "/token");
    assert_eq!(first["access_token"], again["access_token"]);
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    assert_eq!(server.get("/me", Some(token(&again))).0, 200);
}

#[test]
fn the_server_logs_out_one_login_and_all_of_them() {
    let server = Server::start("server", &["--bcrypt-cost", "4"]);
    let logins: Vec<_> = (0..3)
        .map(|_| server.log_in("meera", "secret123").1)
        .collect();
    let tokens: Vec<_> = logins.iter().map(token).collect();

    let revoke = format!("token={}", logins[0]["refresh_token"].as_str().unwrap());
    assert_eq!(
        server.curl(&["-d", &revoke], "/revoke"),
        (200, String::new())
    );
    assert_eq!(server.get("/me", Some(tokens[0])).0, 401);

    let (_, sessions) = server.get("/sessions", Some(tokens[1]));
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    assert!(sessions[0]["label"].as_str().unwrap().starts_with("curl/"));

    let bearer = ["-X", "POST", "--oauth2-bearer", tokens[2]];
    let (status, ended) = server.curl(&bearer, "/logout-everywhere");
    assert_eq!((status, &*ended), (200, r#"{"ended":2}"#));
    for token in tokens {
        assert_eq!(server.get("/me", Some(token)).0, 401);
    }
    server.interrupt();
}

#[test]
fn the_server_demands_the_clients_that_it_was_given_and_lets_them_introspect() {
    let clients = ["--client", "web", "--client", "api:s3cret:%+"];
    let server = Server::start("server", &[&["--bcrypt-cost", "4"][..], &clients].concat());
    let login = [
        "grant_type=password",
        "username=meera",
        "password=secret123",
    ];
    let (status, refused) = post(&server, &[], &login, "/token");
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")));
    let named = [&login[..], &["client_id=web"]].concat();
    let (status, login) = post(&server, &[], &named, "/token");
    assert_eq!(status, 200, "{login}");

    let field = format!("token={}", token(&login));
    let (status, told) = post(&server, &["-u", "api:s3cret:%+"], &[&field], "/introspect");
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["active"], true);
    assert_eq!(told["client_id"], "web");
    assert_eq!(told["sub"], "meera");
    assert_eq!(
        post(&server, &["-u", "api:guess"], &[&field], "/introspect").0,
        401
    );
}

#[test]
fn the_server_says_where_its_endpoints_are_whatever_host_it_is_asked_by() {
    let url = ["--public-url", "https://example.com/orders"];
    let server = Server::start("server", &url);
    let host = ["-H", "Host: evil.example"];
    let (_, document) = server.curl(&host, "/.well-known/oauth-authorization-server/orders");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["issuer"], "https://example.com/orders");
    assert_eq!(
        document["token_endpoint"],
        "https://example.com/orders/token"
    );
    let (_, document) = server.curl(&host, "/.well-known/oauth-protected-resource/orders");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["resource"], "https://example.com/orders");

    let (_, api) = server.curl(&host, "/openapi.json");
    let api: Value = serde_json::from_str(&api).unwrap();
    let url = |url: &str| json!([{ "url": url }]);
    assert_eq!(api["servers"], url("https://example.com/orders"));
    let login = &api["components"]["securitySchemes"]["oauth2"]["flows"]["password"];
    assert_eq!(login["tokenUrl"], "https://example.com/orders/token");
    for document in ["authorization-server", "protected-resource"] {
        let path = format!("/.well-known/oauth-{document}/orders");
        let servers = &api["paths"][&path]["servers"];
        assert_eq!(*servers, url("https://example.com"), "{path}");
    }
}

/// *Authorize* of Swagger UI sends empty client credentials and the scopes that were chosen, and "Try
/// it out" the token that came of it.
#[test]
fn the_server_describes_all_its_routes_and_shows_them_in_swagger_ui() {
    let server = Server::start("server", &["--bcrypt-cost", "4"]);
    let (status, api) = server.get("/openapi.json", None);
    assert_eq!((status, &api["openapi"]), (200, &json!("3.1.0")));
    let paths: Vec<_> = api["paths"].as_object().unwrap().keys().collect();
    let routes = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/healthz",
        "/introspect",
        "/items",
        "/logout",
        "/logout-everywhere",
        "/me",
        "/public",
        "/revoke",
        "/sessions",
        "/token",
    ];
    assert_eq!(paths, routes);
    let login = &api["components"]["securitySchemes"]["oauth2"]["flows"]["password"];
    let (url, scopes) = (login["tokenUrl"].as_str().unwrap(), &login["scopes"]);
    let scopes: Vec<_> = scopes.as_object().unwrap().keys().collect();
    assert_eq!(scopes, ["items:read", "me"]);

    assert_eq!(server.curl(&[], "/docs").0, 303);
    let (status, page) = server.curl(&["--location"], "/docs");
    assert_eq!(status, 200);
    assert!(page.contains("swagger-ui"), "{page}");
    let (status, script) = server.curl(&[], "/docs/swagger-initializer.js");
    assert_eq!(status, 200);
    assert!(script.contains("../openapi.json"), "{script}");
    assert!(server.curl(&[], "/docs/swagger-ui-bundle.js").1.len() > 1_000_000);

    let empty = ["-H", "Authorization: Basic Og=="];
    let fields = [
        "grant_type=password",
        "scope=items:read",
        "username=meera",
        "password=secret123",
    ];
    let (status, login) = post(&server, &empty, &fields, url);
    assert_eq!((status, &login["scope"]), (200, &json!("items:read")));
    assert_eq!(server.get("/me", Some(token(&login))).0, 200);

    let base = server.base.clone();
    assert!(server.interrupt().contains(&format!("  {base}/docs\n")));
}

/// Whatever else is in the page, no script that is not its own runs there. What it looks like to its
/// users is tested in `browser`.
#[test]
fn the_page_of_the_server_is_served_under_a_strict_policy() {
    let server = Server::start("server", &["--client", "a\"&b"]);
    let (status, page) = server.curl(&[], "/");
    assert_eq!(status, 200);
    let client = r#"<meta name="client-id" content="a&quot;&amp;b" />"#;
    assert!(page.contains(client), "{page}");
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/web/app.js", "text/javascript"),
        ("/web/http.js", "text/javascript"),
        ("/web/session.js", "text/javascript"),
        ("/web/vault.js", "text/javascript"),
        ("/web/style.css", "text/css"),
        ("/web/icon.svg", "image/svg+xml"),
    ] {
        let (status, head) = server.curl(&["--head"], path);
        assert_eq!(status, 200, "{path}");
        let fields: Vec<_> = head.lines().map(str::trim_end).collect();
        let policy = "content-security-policy: default-src 'none'; script-src 'self'; \
            style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
            form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
            trusted-types 'none'";
        for field in [
            policy,
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            &format!("content-type: {kind}"),
        ] {
            assert!(fields.contains(&field), "{path}: no {field} in {head}");
        }
    }
    // Swagger UI is of the same origin.
    for path in ["/docs/", "/docs/swagger-ui.css"] {
        let (status, head) = server.curl(&["--head"], path);
        assert_eq!(status, 200, "{path}");
        for rule in [
            "default-src 'none'; script-src 'self'; ",
            "frame-ancestors 'none'",
            "nosniff",
        ] {
            assert!(head.contains(rule), "{path}: no {rule} in {head}");
        }
    }
    for forbidden in [
        "<style",
        " style=",
        " onclick=",
        "javascript:",
        "http://",
        "https://",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(r#"<script type="module" src="web/app.js"></script>"#));

    let base = server.base.clone();
    assert!(server.interrupt().contains(&format!("  {base}/\n")));
}

/// What Prometheus scrapes, on a listener of its own, and not where clients are.
#[test]
fn the_server_shows_its_metrics_where_it_is_told_to() {
    let flags = ["--bcrypt-cost", "4", "--metrics", "127.0.0.1:0"];
    let mut server = Server::start("server", &flags);
    server.log_in("meera", "secret123");
    server.log_in("meera", "guess");
    server.get("/me", Some("bad"));
    assert_eq!(server.curl(&[], "/metrics").0, 404);

    let mut line = String::new();
    while !line.starts_with("Metrics on ") {
        line.clear();
        assert_ne!(server.stdout.read_line(&mut line).unwrap(), 0);
    }
    let url = line.trim().strip_prefix("Metrics on ").unwrap();
    let api = std::mem::replace(&mut server.base, url.to_owned());
    let (status, text) = server.curl(&[], "");
    server.base = api;
    assert_eq!(status, 200);
    for line in [
        "# TYPE oauth2_logins_total counter",
        r#"oauth2_logins_total{outcome="ok"} 1"#,
        r#"oauth2_logins_total{outcome="wrong"} 1"#,
        r#"oauth2_token_refusals_total{cause="wrong"} 1"#,
        "# TYPE oauth2_hashing_wait_seconds histogram",
        r#"oauth2_hashing_wait_seconds_bucket{le="+Inf"} 2"#,
        "oauth2_hashing_waiting 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n\n{text}");
    }
    server.interrupt();
}

#[test]
fn the_refresh_example_stays_logged_in_past_the_life_of_its_token() {
    let output = Command::new(example("refresh")).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.matches("Meera").count(), 5, "{stdout}");
    assert_eq!(stdout.matches("logged in").count(), 1, "{stdout}");
    assert!(stdout.contains("refreshed"), "{stdout}");
}

#[test]
fn the_server_answers_a_wrong_password_and_an_unknown_user_alike() {
    let server = Server::start("server", &["--bcrypt-cost", "4"]);
    let (status, wrong) = server.log_in("meera", "guess");
    assert_eq!((status, &wrong["error"]), (400, &json!("invalid_grant")));
    assert_eq!(server.log_in("nobody", "guess"), (400, wrong));
}

#[test]
fn the_server_takes_users_scopes_and_lifetime_from_its_flags() {
    let flags = ["--bcrypt-cost", "4", "--access-ttl", "60", "--scopes", "me"];
    let users = ["--user", "arjun:pass:word=1", "--user", "zoë:ünïcode €"];
    let server = Server::start("server", &[flags.as_slice(), &users].concat());

    let (_, login) = server.log_in("arjun", "pass:word=1");
    assert_eq!(login["expires_in"], 60);
    assert_eq!(login["scope"], "me");
    assert_eq!(server.get("/items", Some(token(&login))).0, 403);
    let (_, login) = server.log_in("zoë", "ünïcode €");
    assert_eq!(server.get("/me", Some(token(&login))).1["username"], "zoë");
    assert_eq!(
        server.log_in("meera", "secret123").0,
        400,
        "the default user is still there"
    );
}

#[test]
fn the_server_says_what_is_wrong_with_a_flag() {
    for (flags, told) in [
        (["--user", "nocolon"], "NAME:PASSWORD"),
        (["--bcrypt-cost", "99"], "between 4 and 31"),
        (["--access-ttl", "0"], "between 1 and"),
        (["--scopes", "a  b"], "one space between"),
        (["--listen", "nowhere"], "nowhere"),
        (["--client", "web:"], "ID or ID:SECRET"),
        (
            ["--public-url", "http://example.com"],
            "begins with https://",
        ),
        (["--grace", "soon"], "invalid digit"),
    ] {
        let output = Command::new(example("server"))
            .args(flags)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{flags:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(told), "{flags:?}: {stderr}");
    }
}

#[test]
fn the_smaller_servers_log_in_and_stop_as_well() {
    for name in ["axum", "hyper", "custom_store"] {
        let server = Server::start(name, &[]);
        let (status, login) = server.log_in("meera", "secret123");
        assert_eq!(status, 200, "{name}: {login}");
        let bearer = ["--oauth2-bearer", token(&login)];
        let (status, body) = server.curl(&bearer, "/me");
        assert_eq!(status, 200, "{name}");
        assert!(body.to_lowercase().contains("meera"), "{name}: {body}");
        assert_eq!(server.get("/me", Some("bad")).0, 401, "{name}");
        server.interrupt();
    }
}

/// The example checks every answer of its client and fails if one is not as expected.
#[test]
fn the_tonic_example_shows_the_user_and_the_refusal() {
    let output = Command::new(example("tonic")).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(stdout.contains("Meera"), "{stdout}");
    assert!(
        stdout.contains("Unauthenticated") || stdout.contains("UNAUTHENTICATED"),
        "{stdout}"
    );
}
