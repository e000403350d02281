//! OWASP ASVS 16.2.1, 16.2.5, 16.3: every event is told once, says who, what, when, from where and
//! why, and holds no secret.

use http::{HeaderValue, Request, header};
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    MemoryClients, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Clock, PasswordHash, RefreshToken},
    observe::{ClaimedName, Record},
    password::HashingPool,
    store::Account,
    throttle::MemoryThrottle,
    token::Refresh,
};

use crate::support::{
    Answer, Flow, LOGIN, NOON, User, captured_log,
    clients::{basic, clients, post_with},
    documents::Body,
    events::Heard,
    fast,
    faulty::FaultyTokens,
    flow, log_in,
    logins::{bearer, household, log_in_as, meera},
    refresh::{call_api, first_pair, refresh, refresh_with},
    send, token_request, users,
};

const WRONG: &str = "grant_type=password&username=meera&password=guess";

fn heard_flow() -> (Flow, Clock, Heard) {
    let (flow, clock) = flow();
    let heard = Heard::default();
    let throttle = MemoryThrottle::new().with_clock(clock.clone());
    let flow = flow
        .with_throttle(throttle)
        .with_refresh(Refresh::default());
    (heard.listen(flow), clock, heard)
}

async fn post_from_home(flow: &Flow, form: &str) -> Answer {
    let mut request = token_request(form.to_owned());
    let home = HeaderValue::from_static("192.0.2.7");
    request.headers_mut().insert("x-forwarded-for", home);
    send(flow.token_service(), request).await
}

fn family_of(refresh_token: &str) -> String {
    RefreshToken::parse(refresh_token)
        .unwrap()
        .family()
        .to_string()
}

/// ASVS 16.2.1, 16.3.1: a login that went through: who, when, from where, and through which client.
#[tokio::test]
async fn a_login_is_told_with_its_user_time_source_and_client() {
    let (flow, _, heard) = heard_flow();
    let flow = flow.with_clients(MemoryClients::new(clients()));
    let form = format!("{LOGIN}&client_id=phone");
    let answer = post_from_home(&flow, &form).await;
    let family = family_of(answer.json["refresh_token"].as_str().unwrap());

    let [record] = &heard.take()[..] else {
        panic!("not one event");
    };
    assert_eq!(
        format!("{:?}", record.event()),
        format!(r#"LoggedIn {{ subject: Subject("meera"), family: FamilyId({family}) }}"#)
    );
    assert_eq!(record.event().name(), "oauth2.login");
    assert_eq!(record.at(), NOON);
    assert_eq!(record.source().unwrap().to_string(), "192.0.2.7");
    assert_eq!(record.client().unwrap().as_str(), "phone");
}

/// ASVS 16.3.1, 16.2.5: a failure too. Its name may be a password in the wrong field, so only who
/// asks for it sees it.
#[tokio::test]
async fn a_wrong_password_is_told_with_the_name_in_a_wrapper() {
    let (flow, _, heard) = heard_flow();
    post_from_home(&flow, WRONG).await;
    let records = heard.take();
    let [record] = &records[..] else {
        panic!("{records:?}");
    };
    let name = record.event().claimed_name().unwrap();
    assert_eq!(name.expose(), "meera");
    assert_eq!(
        format!("{:?}", record.event()),
        format!("LoginFailed {{ name: ClaimedName({name}), cause: Wrong }}")
    );
    assert_eq!(name.fingerprint().len(), 8);
    assert_eq!(record.event().subject(), None);
    assert_eq!(record.source().unwrap().to_string(), "192.0.2.7");

    post_from_home(&flow, &format!("{LOGIN}&scope=admin")).await;
    let told = heard.told();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("cause: NotAllowed }"), "{told:?}");
}

/// RFC 6749 §4.3.2: an attempt that came too early is told as that, and not as a failed login too.
#[tokio::test]
async fn a_throttled_attempt_is_told_once() {
    let (flow, _, heard) = heard_flow();
    for _ in 0..6 {
        post_from_home(&flow, WRONG).await;
    }
    assert_eq!(heard.take().len(), 6);
    assert_eq!(post_from_home(&flow, WRONG).await.status, 429);
    let records = heard.take();
    let name = records[0].event().claimed_name().unwrap().to_string();
    let told: Vec<_> = records.iter().map(Record::event).collect();
    assert_eq!(
        format!("{told:?}"),
        format!(r#"[Throttled {{ kind: "password", name: Some(ClaimedName({name})), wait: 1s }}]"#)
    );
}

/// A full queue of hashes, and a store that is away: nobody's fault, and told as such.
#[tokio::test]
async fn a_login_that_could_not_be_checked_is_told_with_its_cause() {
    let (flow, _, heard) = heard_flow();
    let pool = HashingPool::new(std::num::NonZeroUsize::MIN, 0);
    let (hold, wait) = std::sync::mpsc::channel::<()>();
    let busy = pool.run(move || wait.recv().ok());
    let flow = flow.with_hashing_pool(pool.clone());
    let mut busy = std::pin::pin!(busy);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(busy.as_mut().poll(&mut cx).is_pending());
    assert_eq!(post_from_home(&flow, LOGIN).await.status, 503);
    drop(hold);
    let told = heard.told();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("LoginFailed") && told[0].ends_with("cause: Busy }"),
        "{told:?}"
    );

    let tokens = FaultyTokens::default();
    let flow = heard.listen(household(tokens.clone()).0);
    tokens.fail(&["insert"]);
    assert_eq!(
        send(flow.token_service(), token_request(LOGIN))
            .await
            .status,
        503
    );
    let told = heard.told();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("cause: Unavailable }"), "{told:?}");
}

/// RFC 6749 §6, RFC 9700 §4.14.2: a refresh, a failed one, and a replay, each once.
#[tokio::test]
async fn refreshes_and_replays_are_told_with_their_login() {
    let (flow, _, heard) = heard_flow();
    let first = first_pair(&flow).await;
    heard.take();
    let login = format!(
        r#"subject: Subject("meera"), family: FamilyId({})"#,
        family_of(&first.refresh)
    );

    refresh(&flow, &first.refresh).await;
    assert_eq!(heard.told(), [format!("Refreshed {{ {login} }}")]);
    refresh(&flow, &first.refresh).await.expect_dead();
    assert_eq!(heard.told(), [format!("Replayed {{ {login} }}")]);
    refresh(&flow, &first.refresh).await.expect_dead();
    refresh(&flow, "nonsense").await.expect_dead();
    let failed = "RefreshFailed { login: None, cause: Wrong }";
    assert_eq!(heard.told(), [failed, failed]);

    let second = first_pair(&flow).await;
    heard.take();
    refresh_with(&flow, &second.refresh, "&scope=admin").await;
    let family = family_of(&second.refresh);
    assert_eq!(
        heard.told(),
        [format!(
            r#"RefreshFailed {{ login: Some((Subject("meera"), FamilyId({family}))), cause: NotAllowed }}"#
        )]
    );
}

/// RFC 7009: a revocation is told with the login it ended, and one that ended nothing is not.
#[tokio::test]
async fn revocations_by_clients_are_told_with_what_they_ended() {
    let (flow, _, heard) = heard_flow();
    let pair = first_pair(&flow).await;
    heard.take();
    let family = family_of(&pair.refresh);
    for (token, logins) in [(&pair.access, 0), (&pair.refresh, 1)] {
        post_with(flow.revocation_service(), &[], format!("token={token}")).await;
        post_with(flow.revocation_service(), &[], format!("token={token}")).await;
        assert_eq!(
            heard.told(),
            [format!(
                r#"Revoked {{ subject: Some(Subject("meera")), family: Some(FamilyId({family})), logins: {logins}, reason: Client }}"#
            )]
        );
    }
}

/// ASVS 7.4: what the application ends, and what has to make room for a newer login.
#[tokio::test]
async fn revocations_by_the_application_are_told_with_their_reason() {
    let heard = Heard::default();
    let flow = heard.listen(household(MemoryTokens::new()).0);
    let mut families = Vec::new();
    for _ in 0..5 {
        families.push(log_in_as(&flow, "meera").await.family(&flow).await);
    }
    heard.take();

    flow.revoke_family(families[0]).await.unwrap();
    assert!(!flow.revoke_family(families[0]).await.unwrap());
    flow.password_changed(&meera(), Some(families[1]))
        .await
        .unwrap();
    flow.password_changed(&meera(), None).await.unwrap();
    flow.revoke_subject(&meera()).await.unwrap();
    log_in_as(&flow, "meera").await;
    flow.account_disabled(&meera()).await.unwrap();
    let revoked = |subject: &str, family: &str, logins: usize, reason: &str| {
        format!(
            "Revoked {{ subject: {subject}, family: {family}, logins: {logins}, reason: {reason} }}"
        )
    };
    let (meera, first) = (
        r#"Some(Subject("meera"))"#,
        format!("Some({:?})", families[0]),
    );
    let mut told = heard.told();
    assert!(told.remove(3).starts_with("LoggedIn"), "{told:?}");
    assert_eq!(
        told,
        [
            revoked("None", &first, 1, "Application"),
            revoked(meera, "None", 3, "PasswordChanged"),
            revoked(meera, "None", 1, "PasswordChanged"),
            revoked(meera, "None", 1, "AccountDisabled"),
        ]
    );

    let capped = flow.with_session_cap(std::num::NonZeroUsize::MIN);
    let oldest = log_in_as(&capped, "meera").await.family(&capped).await;
    heard.take();
    log_in_as(&capped, "meera").await;
    let told = heard.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[1],
        revoked(meera, &format!("Some({oldest:?})"), 1, "SessionCap")
    );
}

/// RFC 6749 §2.3: a client that does not prove who it is.
#[tokio::test]
async fn a_client_with_a_wrong_secret_is_told() {
    let (flow, _, heard) = heard_flow();
    let flow = flow.with_clients(MemoryClients::new(clients()));
    for (credentials, name) in [
        (basic("backend", "guess"), Some("backend")),
        ("Basic !".to_owned(), None),
    ] {
        let answer = post_with(flow.token_service(), &[&credentials], LOGIN).await;
        assert_eq!(answer.status, 401);
        let records = heard.take();
        let [record] = &records[..] else {
            panic!("{records:?}");
        };
        assert_eq!(record.event().name(), "oauth2.client_failed");
        assert_eq!(record.event().claimed_name().map(ClaimedName::expose), name);
        assert_eq!(record.event().cause().unwrap().as_str(), "wrong");
        assert!(record.client().is_none());
    }
}

/// ASVS 16.3.2: a token that is refused; a request without one, and one that is let in, are not.
#[tokio::test]
async fn refused_tokens_are_told_and_accepted_ones_are_not() {
    let (flow, _, heard) = heard_flow();
    let token = log_in(&flow).await;
    heard.take();
    assert_eq!(call_api(&flow, &token).await.status, 200);
    let nobody = flow.bearer_layer().layer(service_fn(never));
    assert_eq!(
        send(nobody, Request::new(Body::default())).await.status,
        401
    );
    assert_eq!(heard.told(), [""; 0]);

    assert_eq!(call_api(&flow, "unknown").await.status, 401);
    assert_eq!(call_api(&flow, "a b").await.status, 400);
    let refused = |cause: &str| format!("TokenRefused {{ subject: None, cause: {cause} }}");
    assert_eq!(heard.told(), [refused("Wrong"), refused("Malformed")]);

    let guard = flow
        .require_scope("admin".parse().unwrap())
        .layer(service_fn(never));
    let mut request = bearer("/", &token);
    let home = HeaderValue::from_static("192.0.2.7");
    request.headers_mut().insert("x-forwarded-for", home);
    assert_eq!(
        send(flow.bearer_layer().layer(guard), request).await.status,
        403
    );
    let records = heard.take();
    assert_eq!(records.len(), 1);
    assert_eq!(
        format!("{:?}", records[0].event()),
        r#"TokenRefused { subject: Some(Subject("meera")), cause: NotAllowed }"#
    );
    assert_eq!(records[0].source().unwrap().to_string(), "192.0.2.7");

    let tokens = FaultyTokens::default();
    let flow = heard.listen(household(tokens.clone()).0);
    tokens.fail(&["find_access"]);
    assert_eq!(call_api(&flow, &token).await.status, 503);
    assert_eq!(heard.told(), [refused("Unavailable")]);
}

async fn never(_: Request<Body>) -> Result<http::Response<Body>, std::convert::Infallible> {
    panic!("it was let in");
}

/// A hash that cannot be read: whose, beside the login that fails as any other.
#[tokio::test]
async fn a_stored_hash_that_cannot_be_read_is_told_with_its_owner() {
    let users: MemoryUsers<User> = users();
    let arjun = tower_oauth2_password::model::Subject::new("a-7").unwrap();
    let account = Account::new(arjun).with_hash(PasswordHash::new("plain text"));
    users.insert("arjun", account, User::new("Arjun")).unwrap();
    let heard = Heard::default();
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_hasher(fast());
    let flow = heard.listen(flow);
    let form = "grant_type=password&username=arjun&password=x";
    send(flow.token_service(), token_request(form)).await;
    let told = heard.told();
    assert_eq!(told[0], r#"StoredHashRefused { subject: Subject("a-7") }"#);
    assert!(told[1].ends_with("cause: Wrong }"), "{told:?}");
    assert_eq!(told.len(), 2);
}

/// A hook that panics loses its event, and nothing else.
#[tokio::test]
async fn a_hook_that_panics_takes_nobody_down() {
    let (flow, _) = flow();
    let flow = flow.with_event_hook(|_| panic!("the audit disk is full"));
    let log = captured_log(async {
        log_in(&flow).await;
        assert_eq!(call_api(&flow, "unknown").await.status, 401);
    })
    .await;
    assert_eq!(log.matches("the event hook panicked").count(), 2, "{log}");
}

/// ASVS 16.2.5: the path of a request may be logged, its query may hold a secret.
#[tokio::test]
async fn a_missing_source_is_logged_without_the_query() {
    let (flow, _) = flow();
    let flow = flow.with_source(|_| None);
    let log = captured_log(async {
        let mut request = token_request(LOGIN);
        *request.uri_mut() = "/token?password=secret123".parse().unwrap();
        request.headers_mut().remove(header::ACCEPT);
        send(flow.token_service(), request).await;
    })
    .await;
    assert!(log.contains(r#"url.path="/token""#), "{log}");
    assert!(!log.contains("secret123"), "{log}");
}
