//! RFC 6749, the answers of the token endpoint: success (§5.1) and refusal (§5.2).

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    sync::{Arc, mpsc},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::json;
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{BearerToken, Lifetime, Password, PasswordHash, Subject, TokenPrefix},
    password::{HashError, HashingPool, PasswordHasher},
    store::{Account, StoreError, UserStore},
    token::{Identity, RequestFault, TokenError},
};

use crate::support::{
    Answer, Counting, LOGIN, User, fast, flow, post_form, send,
    stores::{BreakableTokens, FIRE},
    token_request, users,
};

const WRONG: &str = "the username or the password is wrong";

fn login(username: &str, password: &str) -> String {
    format!("grant_type=password&username={username}&password={password}")
}

fn subject(id: &str) -> Subject {
    Subject::new(id).unwrap()
}

struct BrokenUsers;

impl UserStore for BrokenUsers {
    type User = User;

    async fn find_account(&self, _: &str) -> Result<Option<Account>, StoreError> {
        Err(StoreError::new(FIRE))
    }

    async fn find_user(&self, _: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        Err(StoreError::new(FIRE))
    }
}

/// Does instead of any hashing what it holds.
struct BrokenHasher(fn() -> HashError);

impl PasswordHasher for BrokenHasher {
    fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Err(self.0())
    }

    fn verify(&self, _: &Password, _: &PasswordHash) -> Result<bool, HashError> {
        Err(self.0())
    }

    fn recognizes(&self, _: &PasswordHash) -> bool {
        true
    }

    fn needs_rehash(&self, _: &PasswordHash) -> bool {
        false
    }
}

fn hasher_on_fire() -> HashError {
    HashError::Failed(Arc::new(StoreError::new(FIRE)))
}

/// §5.1: 200, `application/json`, the members at the top level, `expires_in` as a JSON number,
/// and each member once.
#[tokio::test]
async fn a_login_is_answered_with_a_bearer_token_as_json() {
    let answer = post_form(LOGIN).await;

    let token = answer.expect_token(Some("items:read me"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "items:read me",
    });
    assert_eq!(answer.json, expected);
    assert!(answer.extensions.get::<TokenError>().is_none());
}

/// §5.1: `expires_in` is the lifetime in seconds.
#[tokio::test]
async fn expires_in_is_the_lifetime_of_the_flow() {
    for secs in [1, 900, u32::MAX] {
        let lifetime = Lifetime::new(Duration::from_secs(secs.into())).unwrap();
        let (flow, _) = flow();
        let flow = flow.with_access_lifetime(lifetime);
        let answer = send(flow.token_service(), token_request(LOGIN)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json["expires_in"], json!(secs));
    }
}

/// §5.1, §3.3: `scope` is left out where nothing is granted, as the empty text is no scope.
#[tokio::test]
async fn a_user_without_scopes_gets_no_scope_member() {
    let users = users().with_user("arjun", "hunter22", User::new("Arjun"));
    let flow = PasswordFlow::new(users.unwrap(), MemoryTokens::new()).with_hasher(fast());
    let answer = send(
        flow.token_service(),
        token_request(login("arjun", "hunter22")),
    )
    .await;
    answer.expect_token(None);
    assert_eq!(answer.json.get("scope"), None);
}

/// §10.10: a token SHOULD NOT be guessed with a probability above 2^-160; these have 256 bits, as
/// 43 characters that are a `b64token` (RFC 6750 §2.1).
#[tokio::test]
async fn a_token_is_256_bits_in_a_b64token() {
    let answer = post_form(LOGIN).await;
    let token = answer.expect_token(Some("items:read me"));
    assert_eq!(token.len(), 43);
    assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), 32);
    assert_eq!(BearerToken::parse(token).unwrap().expose(), token);
}

/// §10.10: the prefix comes on top of the 256 bits.
#[tokio::test]
async fn a_prefix_does_not_take_bits_from_the_token() {
    let (flow, _) = flow();
    let flow = flow.with_token_prefix(TokenPrefix::new("acme_").unwrap());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    let token = answer.expect_token(Some("items:read me"));
    let random = token.strip_prefix("acme_").unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
    assert_eq!(BearerToken::parse(token).unwrap().expose(), token);
}

/// §10.3, §10.10: nobody can make a token from another one.
#[tokio::test]
async fn no_two_tokens_are_the_same() {
    let (flow, _) = flow();
    let first = crate::support::log_in(&flow).await;
    let second = crate::support::log_in(&flow).await;
    assert_ne!(first, second);

    let mut seen = std::collections::HashSet::from([first, second]);
    for _ in 0..1000 {
        let issued = flow.issuer().issue(Identity::new(subject("meera"))).await;
        assert!(seen.insert(issued.unwrap().token().expose().to_owned()));
    }
}

/// Every kind of refusal that a client can bring about, each with `marker` wherever it can be.
fn refused(marker: &str) -> Vec<http::Request<http_body_util::Full<bytes::Bytes>>> {
    let many: Vec<String> = (0..99).map(|n| format!("{marker}{n}={marker}")).collect();
    let bodies = [
        marker.to_owned(),
        format!("grant_type={marker}"),
        format!("grant_type=password&username={marker}"),
        format!("grant_type=password&password={marker}"),
        format!("{}&{marker}={marker}", login(marker, marker)),
        format!("{LOGIN}&scope={marker}"),
        format!("{LOGIN}&scope={marker}++{marker}"),
        format!("{LOGIN}&{marker}={marker}&{marker}={marker}"),
        format!("{LOGIN}&{marker}={marker}%0A"),
        format!("{LOGIN}&{marker}={}", marker.repeat(5000)),
        format!("{LOGIN}{}", format!("&{marker}").repeat(2)),
        many.join("&"),
    ];
    let mut requests: Vec<_> = bodies.into_iter().map(token_request).collect();
    let mut not_post = token_request(login(marker, marker));
    *not_post.method_mut() = marker.parse().unwrap();
    let mut not_a_form = token_request(login(marker, marker));
    let media_type = format!("text/{marker}").parse().unwrap();
    not_a_form.headers_mut().insert("content-type", media_type);
    requests.extend([not_post, not_a_form]);
    requests
}

/// §5.1: `Cache-Control: no-store` and `Pragma: no-cache` on every answer, as each is about
/// credentials.
#[tokio::test]
async fn no_answer_may_be_cached() {
    let (flow, _) = flow();
    let mut requests = refused("marker");
    requests.push(token_request(LOGIN));
    for request in requests {
        let answer = send(flow.token_service(), request).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
    }
}

/// §5.2: `error` and `error_description` are %x20-21 / %x23-5B / %x5D-7E, and nothing that the
/// client sent comes back.
#[tokio::test]
async fn a_refusal_is_plain_text_and_echoes_nothing() {
    let (flow, _) = flow();
    let mut codes = std::collections::BTreeSet::new();
    for request in refused("zqxj") {
        let answer = send(flow.token_service(), request).await;
        let members = answer.json.as_object().unwrap();
        assert_eq!(members.len(), 2, "{members:?}");
        for name in ["error", "error_description"] {
            let text = members[name].as_str().unwrap();
            let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(!text.is_empty() && text.bytes().all(allowed), "{text}");
        }
        codes.insert(members["error"].as_str().unwrap().to_owned());
        let everything = format!("{:?} {:?}", answer.headers, answer.body);
        assert!(!everything.contains("zqxj"), "{everything}");
    }
    let all = [
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unsupported_grant_type",
    ];
    assert!(codes.iter().eq(all));
}

/// Users whose login fails, each for another reason, and the body that tries it.
fn failing_logins() -> (MemoryUsers<User>, Vec<String>) {
    let whole = "a".repeat(72);
    let users = users()
        .with_user("whole", &whole, User::new("Whole"))
        .unwrap();
    let hash = fast().hash(&Password::new("secret123")).unwrap();
    let readable = Account::new(subject("disabled")).with_hash(hash.clone());
    let of_cost_31 = hash.expose().replace("$04$", "$31$");
    let accounts = [
        readable.with_enabled(false),
        Account::new(subject("without")),
        Account::new(subject("garbage")).with_hash(PasswordHash::new("secret123")),
        Account::new(subject("empty")).with_hash(PasswordHash::new("")),
        Account::new(subject("costly")).with_hash(PasswordHash::new(of_cost_31)),
    ];
    let mut logins = vec![
        login("meera", "wrong"),
        login("nobody", "secret123"),
        login("MEERA", "secret123"),
        login("meera+", "secret123"),
        // bcrypt reads 72 bytes: one more must not be cut off.
        login("whole", &format!("{whole}a")),
        login("meera", &"€".repeat(25)),
        login("nobody", &"a".repeat(1000)),
    ];
    for account in accounts {
        let name = account.subject().as_str().to_owned();
        logins.push(login(&name, "secret123"));
        users.insert(&name, account, User::new(&name)).unwrap();
    }
    (users, logins)
}

/// §5.2: `invalid_grant`, the same to the last byte whatever is wrong with the login
/// (OWASP ASVS 6.3.8), and without a challenge: nobody was asked for HTTP authentication.
#[tokio::test]
async fn whatever_is_wrong_with_the_credentials_the_answer_is_the_same() {
    let (users, logins) = failing_logins();
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_hasher(fast());
    for body in logins {
        let answer = send(flow.token_service(), token_request(body)).await;
        answer.expect_error(400, "invalid_grant", WRONG);
        assert_eq!(answer.header("www-authenticate"), None);
        let error = answer.extensions.get::<TokenError>().unwrap();
        assert!(matches!(error, TokenError::InvalidGrant));
        assert_eq!(error.to_string(), "the credentials are wrong");
    }
}

/// §5.2: the time must not tell either, so each failing login makes one hash, no more, no less.
#[tokio::test]
async fn whatever_is_wrong_with_the_credentials_the_work_is_the_same() {
    let (users, logins) = failing_logins();
    let hasher = Counting::default();
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_hasher(hasher.clone());
    for (before, body) in logins.into_iter().enumerate() {
        assert_eq!(hasher.hashes_made(), before);
        let answer = send(flow.token_service(), token_request(body.clone())).await;
        answer.expect_error(400, "invalid_grant", WRONG);
        assert_eq!(hasher.hashes_made(), before + 1, "{body}");
    }
}

/// §4.3.2: a password of exactly 72 bytes, bcrypt's last whole one, is good.
#[tokio::test]
async fn a_password_of_72_bytes_is_taken_whole() {
    let (users, _) = failing_logins();
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_hasher(fast());
    let right = token_request(login("whole", &"a".repeat(72)));
    send(flow.token_service(), right).await.expect_token(None);
    let short = token_request(login("whole", &"a".repeat(71)));
    let answer = send(flow.token_service(), short).await;
    answer.expect_error(400, "invalid_grant", WRONG);
}

fn expect_unavailable(answer: &Answer) {
    let told = "the request could not be checked, try again later";
    answer.expect_error(503, "temporarily_unavailable", told);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

/// §5.2: no answer from the user store is no wrong password, and the client does not learn why.
#[tokio::test]
async fn a_failing_user_store_is_temporarily_unavailable() {
    let flow = PasswordFlow::new(BrokenUsers, MemoryTokens::new()).with_hasher(fast());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    expect_unavailable(&answer);
    let error = answer.extensions.get::<TokenError>().unwrap();
    assert!(matches!(error, TokenError::Unavailable(_)));
    let logged = format!("the store could not be asked: {FIRE}");
    assert_eq!(error.to_string(), logged);
}

/// §5.2: a token that was not saved is not handed out.
#[tokio::test]
async fn a_failing_token_store_is_temporarily_unavailable() {
    let tokens = BreakableTokens::default();
    tokens.break_down();
    let flow = PasswordFlow::new(users(), tokens).with_hasher(fast());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    expect_unavailable(&answer);
}

/// §10.10: a new token that is there already means that the random source is broken.
#[tokio::test]
async fn a_token_that_is_taken_is_a_server_error() {
    let tokens = BreakableTokens::default();
    tokens.claim_all_digests();
    let flow = PasswordFlow::new(users(), tokens).with_hasher(fast());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    answer.expect_error(500, "server_error", "the request failed on the server");
}

/// §5.2: a hasher that fails has not said that the password is wrong, whether the user exists or
/// not.
#[tokio::test]
async fn a_failing_hasher_is_a_server_error() {
    let (flow, _) = flow();
    let flow = flow.with_hasher(BrokenHasher(hasher_on_fire));
    for username in ["meera", "nobody"] {
        let request = token_request(login(username, "secret123"));
        let answer = send(flow.token_service(), request).await;
        answer.expect_error(500, "server_error", "the request failed on the server");
        let error = answer.extensions.get::<TokenError>().unwrap();
        assert!(matches!(error, TokenError::Unchecked(_)));
    }
}

/// §5.2: a hasher that panics takes nobody with it, and lets nobody in.
#[tokio::test]
async fn a_panicking_hasher_is_temporarily_unavailable() {
    let (flow, _) = flow();
    let flow = flow.with_hasher(BrokenHasher(|| resume_unwind(Box::new(()))));
    for _ in 0..3 {
        expect_unavailable(&send(flow.token_service(), token_request(LOGIN)).await);
    }
}

/// §4.3.2, §5.2: a crowd of logins is refused at once, and does not pile up.
#[tokio::test]
async fn a_full_hashing_pool_is_temporarily_unavailable_at_once() {
    let pool = HashingPool::new(NonZeroUsize::MIN, 0);
    let (flow, _) = flow();
    let flow = flow.with_hashing_pool(pool.clone());
    let (release, released) = mpsc::channel::<()>();
    let busy = tokio::spawn(async move { pool.run(move || released.recv()).await });
    tokio::task::yield_now().await;

    let answer = send(flow.token_service(), token_request(LOGIN)).await;

    expect_unavailable(&answer);
    let error = answer.extensions.get::<TokenError>().unwrap();
    assert_eq!(error.to_string(), "too many password checks are waiting");
    release.send(()).unwrap();
    busy.await.unwrap().unwrap().unwrap();
}

/// §5.2: a pool is full only while it works: whoever has an answer has made room.
#[tokio::test]
async fn a_hashing_pool_has_room_again_once_it_has_answered() {
    let pool = HashingPool::new(NonZeroUsize::MIN, 0);
    for _ in 0..1000 {
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }
}

/// §5.2: layers further out find the error as a value, beside the JSON that says less.
#[tokio::test]
async fn a_refusal_carries_its_reason_in_the_extensions() {
    let (flow, _) = flow();
    let found = async |request| {
        let answer = send(flow.token_service(), request).await;
        let error = answer.extensions.get::<TokenError>().unwrap().clone();
        assert_eq!(error.status(), answer.status);
        assert_eq!(error.code(), answer.json["error"]);
        error
    };
    let mut get = token_request("");
    *get.method_mut() = http::Method::GET;

    let error = found(get).await;
    assert!(matches!(
        error,
        TokenError::InvalidRequest(RequestFault::Method)
    ));
    let error = found(token_request("grant_type=password")).await;
    let missing = RequestFault::Missing("username");
    assert!(matches!(error, TokenError::InvalidRequest(fault) if fault == missing));
    let error = found(token_request("grant_type=x")).await;
    assert!(matches!(error, TokenError::UnsupportedGrantType));
    let error = found(token_request(format!("{LOGIN}&scope=admin"))).await;
    assert!(matches!(error, TokenError::InvalidScope));
}
