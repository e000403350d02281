//! The list of a user's logins, and what ends them: the user, a new password, a closed account.

use std::time::Duration;

use axum::{Router, routing::post};
use http::{Request, StatusCode};
use http_body_util::Full;
use tower_oauth2_password::{
    Authenticated, MemoryClients, MemoryTokens,
    model::{ClientId, Family, FamilyId, Lifetime, Subject},
    store::Client,
    token::{Authenticate, Credentials, Identity, Refresh, TokenError, TokenService},
};

use crate::support::{
    LOGIN, NOON, User,
    logins::{Login, Verb, VerbFails, arjun, bearer, household, log_in_as, meera},
    send,
    stores::FIRE,
    token_request,
};

const DAY: Duration = Duration::from_secs(86_400);
const NOT_VALID: &str = "the token is invalid, expired or revoked";

/// ASVS 7.5.2: users can see their logins. The newest stands first, other users' are not there.
#[tokio::test]
async fn the_logins_of_a_user_are_listed_newest_first() {
    let (flow, clock) = household(MemoryTokens::new());
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, log_in_as(&flow, "meera").await.family(&flow).await);
        log_in_as(&flow, "arjun").await;
        clock.advance(Duration::from_secs(1));
    }
    let found = flow.families(&meera()).await.unwrap();
    let found: Vec<_> = found.iter().map(Family::id).collect();
    assert_eq!(found, expected);
    assert_eq!(flow.families(&arjun()).await.unwrap().len(), 5);
    let nobody = Subject::new("nobody").unwrap();
    assert_eq!(flow.families(&nobody).await.unwrap().len(), 0);
}

/// Each login says when it began, when it was last seen, by which client, and what it allows. A
/// refresh for less narrows the token and not the login (RFC 6749 §6).
#[tokio::test]
async fn a_listed_login_says_what_is_known_about_it() {
    let (flow, clock) = household(MemoryTokens::new());
    let phone = Client::public(ClientId::new("phone").unwrap());
    let flow = flow.with_clients(MemoryClients::new([phone]));
    let body = format!("{LOGIN}&client_id=phone");
    let login = Login::of(&send(flow.token_service(), token_request(body)).await);
    let id = login.family(&flow).await;

    clock.advance(DAY);
    let body = format!(
        "grant_type=refresh_token&client_id=phone&scope=me&refresh_token={}",
        login.refresh
    );
    Login::of(&send(flow.token_service(), token_request(body)).await);

    let [family] = &flow.families(&meera()).await.unwrap()[..] else {
        panic!("not one login")
    };
    let days = |days: u32| Lifetime::new(days * DAY).unwrap();
    let tomorrow = NOON + days(1);
    assert_eq!(family.id(), id);
    assert_eq!(family.subject(), &meera());
    assert_eq!(family.client().map(ClientId::as_str), Some("phone"));
    assert_eq!(family.scope().to_string(), "items:read me");
    assert_eq!(family.label(), None);
    assert_eq!(family.created_at(), NOON);
    assert_eq!(family.refreshed_at(), tomorrow);
    assert_eq!(family.expires_at(), tomorrow + days(14));
    let chain = family.chain().unwrap();
    assert_eq!(chain.expires_at(), tomorrow + days(14));
    assert_eq!(chain.ends_at(), NOON + days(90));
}

/// A login is over when none of its tokens is good any more, and not when its access token is.
#[tokio::test]
async fn a_login_that_is_over_is_not_listed() {
    let (flow, clock) = household(MemoryTokens::new());
    let login = log_in_as(&flow, "meera").await;
    clock.advance(Duration::from_secs(14 * 86_400 - 1));
    assert!(!login.works(&flow).await);
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
    assert_eq!(flow.families(&arjun()).await.unwrap().len(), 0);
}

/// Without refresh a login lasts as long as its access token, or until that is revoked.
#[tokio::test]
async fn a_login_without_refresh_is_listed_as_long_as_its_token_is_good() {
    let (flow, clock) = crate::support::flow();
    let token = crate::support::log_in(&flow).await;
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
    let revoked = send(
        flow.revocation_service(),
        token_request(format!("token={token}")),
    );
    assert_eq!(revoked.await.status, StatusCode::OK);
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);

    crate::support::log_in(&flow).await;
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
}

fn with_agent(agent: &str) -> Request<Full<bytes::Bytes>> {
    let mut request = token_request(LOGIN);
    let agent = http::HeaderValue::from_str(agent).unwrap();
    request.headers_mut().insert("user-agent", agent);
    request
}

/// The application names a login by the head of its request; 200 characters are enough.
#[tokio::test]
async fn a_login_is_named_by_its_request_and_the_name_is_cut() {
    let (flow, clock) = household(MemoryTokens::new());
    let flow = flow.with_label(|head| {
        let agent = head.headers.get("user-agent")?.to_str().ok()?;
        Some(agent.replace('e', "é"))
    });
    let (fits, long) = ("e".repeat(200), format!("{}x", "e".repeat(200)));
    for agent in ["Firefox", &*fits, &*long] {
        send(flow.token_service(), with_agent(agent)).await;
        clock.advance(Duration::from_secs(1));
    }
    send(flow.token_service(), token_request(LOGIN)).await;

    let families = flow.families(&meera()).await.unwrap();
    let labels: Vec<_> = families.iter().map(|family| family.label()).collect();
    let cut = "é".repeat(200);
    assert_eq!(labels, [None, Some(&*cut), Some(&*cut), Some("Firéfox")]);
}

/// A refresh from elsewhere does not rename the login.
#[tokio::test]
async fn a_refresh_keeps_the_name_of_the_login() {
    let (flow, _clock) = household(MemoryTokens::new());
    let flow = flow.with_label(|head| Some(head.method.to_string()));
    let login = log_in_as(&flow, "meera").await;
    let renamed = flow.clone().with_label(|_| Some("thief".to_owned()));
    Login::of(&login.refreshed(&renamed).await);
    let families = flow.families(&meera()).await.unwrap();
    assert_eq!(families[0].label(), Some("POST"));
}

/// Names every login itself.
struct Names;

impl Authenticate for Names {
    async fn authenticate(&self, _: Credentials<'_>) -> Result<Identity, TokenError> {
        Ok(Identity::new(meera()).with_label("the one by the window"))
    }

    async fn is_active(&self, _: &Subject) -> Result<bool, TokenError> {
        Ok(true)
    }
}

/// The authenticator knows more than the head of a request.
#[tokio::test]
async fn the_name_that_the_authenticator_gives_comes_first() {
    let (flow, _clock) = household(MemoryTokens::new());
    let service = TokenService::new(Names, flow.issuer()).with_label(|_| Some("Firefox".into()));
    Login::of(&send(service, token_request(LOGIN)).await);
    let families = flow.families(&meera()).await.unwrap();
    assert_eq!(families[0].label(), Some("the one by the window"));
}

/// ASVS 7.4.1: an ended login is of no further use, neither its access token nor its refresh token,
/// of whatever age.
#[tokio::test]
async fn a_revoked_login_is_over_with_all_its_tokens() {
    let (flow, _clock) = household(MemoryTokens::new());
    let first = log_in_as(&flow, "meera").await;
    let other = log_in_as(&flow, "meera").await;
    let second = Login::of(&first.refreshed(&flow).await);
    let id = first.family(&flow).await;
    assert_eq!(second.family(&flow).await, id, "a refresh is no new login");
    assert_ne!(other.family(&flow).await, id);

    assert!(flow.revoke_family(id).await.unwrap());
    assert!(!flow.revoke_family(id).await.unwrap(), "revoked twice");

    for login in [&first, &second] {
        assert!(!login.works(&flow).await);
        let refused = login.refreshed(&flow).await;
        refused.expect_error(400, "invalid_grant", NOT_VALID);
    }
    assert!(other.works(&flow).await);
    Login::of(&other.refreshed(&flow).await);
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// "Log out everywhere" (ASVS 7.5.2) ends all logins of one user and says how many.
#[tokio::test]
async fn a_user_is_logged_out_everywhere_and_nobody_else_is() {
    let (flow, _clock) = household(MemoryTokens::new());
    let mut logins = Vec::new();
    for _ in 0..3 {
        logins.push(log_in_as(&flow, "meera").await);
    }
    let other = log_in_as(&flow, "arjun").await;

    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 3);
    for login in logins {
        assert!(!login.works(&flow).await);
        let refused = login.refreshed(&flow).await;
        refused.expect_error(400, "invalid_grant", NOT_VALID);
    }
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 0);
    assert!(other.works(&flow).await);
    Login::of(&other.refreshed(&flow).await);
    assert!(log_in_as(&flow, "meera").await.works(&flow).await);
}

/// ASVS 7.4.3: after a change of the password all other logins can be ended. The one in which it
/// was changed goes on.
#[tokio::test]
async fn a_changed_password_ends_all_logins_but_the_kept_one() {
    let (flow, _clock) = household(MemoryTokens::new());
    let kept = log_in_as(&flow, "meera").await;
    let ended = [
        log_in_as(&flow, "meera").await,
        log_in_as(&flow, "meera").await,
    ];
    let other = log_in_as(&flow, "arjun").await;

    let keep = Some(kept.family(&flow).await);
    assert_eq!(flow.password_changed(&meera(), keep).await.unwrap(), 2);

    for login in ended {
        assert!(!login.works(&flow).await);
        let refused = login.refreshed(&flow).await;
        refused.expect_error(400, "invalid_grant", NOT_VALID);
    }
    assert!(kept.works(&flow).await && other.works(&flow).await);
    let next = Login::of(&kept.refreshed(&flow).await);
    assert!(next.works(&flow).await);
    assert_eq!(flow.password_changed(&meera(), keep).await.unwrap(), 0);
}

/// Without a login to keep, as after a reset by mail, all are ended; and so they are if the login
/// to be kept is somebody else's.
#[tokio::test]
async fn a_reset_password_ends_all_logins() {
    let (flow, _clock) = household(MemoryTokens::new());
    let other = log_in_as(&flow, "arjun").await;
    for keep in [None, Some(other.family(&flow).await)] {
        let logins = [
            log_in_as(&flow, "meera").await,
            log_in_as(&flow, "meera").await,
        ];
        assert_eq!(flow.password_changed(&meera(), keep).await.unwrap(), 2);
        for login in logins {
            assert!(!login.works(&flow).await);
        }
    }
    assert!(other.works(&flow).await);
}

/// ASVS 7.4.2: a disabled account has no login left. That the account is enabled again brings none
/// of them back.
#[tokio::test]
async fn a_disabled_account_loses_its_logins_for_good() {
    let users = crate::support::users();
    let flow = tower_oauth2_password::PasswordFlow::new(users.clone(), MemoryTokens::new())
        .with_hasher(crate::support::fast())
        .with_refresh(Refresh::default());
    let login = log_in_as(&flow, "meera").await;
    assert!(users.set_enabled(&meera(), false));
    assert!(!login.works(&flow).await, "refused before anybody was told");

    assert_eq!(flow.account_disabled(&meera()).await.unwrap(), 1);
    assert!(users.set_enabled(&meera(), true));
    assert!(!login.works(&flow).await);
    let refused = login.refreshed(&flow).await;
    refused.expect_error(400, "invalid_grant", NOT_VALID);
}

/// ASVS 16.5.3: a store that fails is an error, and not a user without logins.
#[tokio::test]
async fn a_failing_store_is_an_error_of_each_account_event() {
    let tokens = VerbFails::default();
    let (flow, _clock) = household(tokens.clone());
    let login = log_in_as(&flow, "meera").await;
    let id = login.family(&flow).await;
    let stranger = FamilyId::generate().unwrap();

    tokens.break_down(Verb::FindFamilies);
    let error = flow.families(&meera()).await.unwrap_err();
    assert!(format!("{error:?}").contains(FIRE), "{error:?}");
    assert!(
        flow.password_changed(&meera(), Some(stranger))
            .await
            .is_err()
    );
    tokens.break_down(Verb::RevokeFamily);
    assert!(flow.revoke_family(id).await.is_err());
    assert!(
        flow.password_changed(&meera(), Some(stranger))
            .await
            .is_err()
    );
    tokens.repair();
    assert!(login.works(&flow).await);
}

/// A handler for "log out" needs the request and the flow only.
#[tokio::test]
async fn a_handler_logs_out_the_login_of_its_request() {
    let (flow, _clock) = household(MemoryTokens::new());
    let ends = flow.clone();
    let log_out = post(move |user: Authenticated<User>| async move {
        match user.session().family() {
            Some(family) => ends.revoke_family(family).await.unwrap().to_string(),
            None => "no login".to_owned(),
        }
    });
    let app: Router = Router::new()
        .route("/logout", log_out)
        .layer(flow.bearer_layer());
    let here = log_in_as(&flow, "meera").await;
    let there = log_in_as(&flow, "meera").await;
    let request = || {
        let mut request = bearer("/logout", &here.access).map(axum::body::Body::new);
        *request.method_mut() = http::Method::POST;
        request
    };

    let answer = send::<_, _, axum::body::Body>(app.clone(), request()).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (StatusCode::OK, &b"true"[..])
    );
    let again = send(app, request()).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    let refused = here.refreshed(&flow).await;
    refused.expect_error(400, "invalid_grant", NOT_VALID);
    assert!(there.works(&flow).await);
}
