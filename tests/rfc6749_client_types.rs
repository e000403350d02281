//! RFC 6749 §2.1 to §2.3, §10.1: public and confidential clients, their ids and secrets, and what
//! becomes of a login without knowing either.

use std::fmt::Debug;

use tower_oauth2_password::{
    MemoryClients,
    model::{ClientId, ClientIdError, ClientSecret, SecretDigest},
    store::Client,
    token::Refresh,
};

use crate::support::{
    Flow, LOGIN,
    clients::{
        BACKEND_SECRET, BrokenClients, backend, basic, client_id, clients, confidential,
        flow_with_client, flow_with_clients, log_in_with, post_with, public,
    },
    flow,
};

const BOTH: Option<&str> = Some("items:read me");

/// §2.1, §3.2.1: a public client names itself and has nothing to prove.
#[tokio::test]
async fn a_public_client_logs_in_by_its_id_alone() {
    let (flow, _clock) = flow_with_clients();
    let without_secret = basic("phone", "");
    for (fields, more) in [
        (&[][..], "&client_id=phone"),
        (&[], "&client_id=phone&client_secret="),
        (&[], "&client_id=phone&client_secret"),
        (&["Basic Og=="], "&client_id=phone"),
        (&[&*without_secret], ""),
        (&[&*without_secret], "&client_id=phone"),
    ] {
        let form = format!("{LOGIN}{more}");
        let answer = post_with(flow.token_service(), fields, form).await;
        answer.expect_tokens(BOTH);
    }
}

/// §2.3, §5.2: credentials that are there have to be right, and a public client has no secret.
#[tokio::test]
async fn a_public_client_with_a_secret_is_refused() {
    let (flow, _clock) = flow_with_clients();
    let form = format!("{LOGIN}&client_id=phone&client_secret=x");
    let answer = post_with(flow.token_service(), &[], form).await;
    answer.expect_bad_client();
    let answer = post_with(flow.token_service(), &[&basic("phone", "x")], LOGIN).await;
    answer.expect_challenge();
}

async fn refuses_backend_without_a_secret(flow: &Flow) {
    for more in ["&client_id=backend", "&client_id=backend&client_secret="] {
        let form = format!("{LOGIN}{more}");
        let answer = post_with(flow.token_service(), &[], form).await;
        answer.expect_bad_client();
    }
    let answer = post_with(flow.token_service(), &[&basic("backend", "")], LOGIN).await;
    answer.expect_challenge();
}

/// §3.2.1: confidential clients MUST authenticate.
#[tokio::test]
async fn a_confidential_client_without_its_secret_is_refused() {
    let (flow, _clock) = flow_with_clients();
    refuses_backend_without_a_secret(&flow).await;
}

/// §3.2.1: not even one whose secret was set to nothing by mistake lets everybody in.
#[tokio::test]
async fn an_empty_secret_is_never_the_right_one() {
    let flow = flow_with_client(confidential("backend", ""));
    refuses_backend_without_a_secret(&flow).await;
}

/// §5.2: no answer from the client store is no wrong client, at whichever endpoint, and the
/// client does not learn why.
#[tokio::test]
async fn a_failing_client_store_is_temporarily_unavailable() {
    let (flow, _clock) = flow();
    let flow = flow.with_refresh(Refresh::default());
    let broken = flow.clone().with_clients(BrokenClients);
    let backend = backend();
    for (fields, more) in [
        (&[&*backend][..], ""),
        (&[], "&client_id=phone"),
        (&[], "&client_id=backend&client_secret=x"),
    ] {
        let form = format!("{LOGIN}{more}");
        let answer = post_with(broken.token_service(), fields, form).await;
        answer.expect_unavailable();
        let form = format!("token=x{more}");
        let answer = post_with(broken.revocation_service(), fields, &*form).await;
        answer.expect_unavailable();
        let answer = post_with(broken.introspection_service(), fields, &*form).await;
        answer.expect_unavailable();
    }
}

/// §6, §5.2: whose client the owner of a token is has to be found out too, and the token is not
/// spent on it.
#[tokio::test]
async fn a_refresh_that_cannot_find_the_tokens_client_does_not_spend_it() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], "&client_id=phone").await;
    let broken = flow.clone().with_clients(BrokenClients);
    let answer = post_with(broken.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_unavailable();
    let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_tokens(BOTH);
}

/// §10.10: a secret cannot be guessed. §2.3.1: it is of characters that no client has to encode.
#[test]
fn a_generated_secret_is_43_characters_that_need_no_encoding() {
    let secrets: Vec<_> = (0..64)
        .map(|_| ClientSecret::generate().unwrap().expose().to_owned())
        .collect();
    for secret in &secrets {
        assert_eq!(secret.len(), 43);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(secret.bytes().all(plain), "{secret}");
        let again = form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        assert_eq!(&again, secret);
    }
    let distinct: std::collections::HashSet<_> = secrets.iter().collect();
    assert_eq!(distinct.len(), secrets.len());
}

/// §2.3.1: what is kept of a secret is its SHA-256 (test vector of FIPS 180-2, "abc").
#[test]
fn a_secrets_digest_is_its_sha_256() {
    let digest = ClientSecret::new("abc").digest();
    let expected = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
        0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
        0x15, 0xad,
    ];
    assert_eq!(digest.as_bytes(), &expected);
    let read_back = SecretDigest::from_bytes(expected);
    assert!(read_back.is_of(&ClientSecret::new("abc")));
    for other in ["", "ab", "abd", "abc ", "ABC"] {
        assert!(!read_back.is_of(&ClientSecret::new(other)), "{other}");
    }
}

/// §2.2, Appendix A.1, RFC 7617 §2: an id is 1 to 255 printable ASCII characters, no colon.
#[test]
fn a_client_id_is_printable_ascii_without_a_colon() {
    for byte in 0..=0x7f {
        let text = char::from(byte).to_string();
        let allowed = matches!(byte, 0x20..=0x7e) && byte != b':';
        let expected = if allowed {
            Ok(&*text)
        } else {
            Err(ClientIdError)
        };
        let id = ClientId::new(&text);
        assert_eq!(id.as_ref().map(ClientId::as_str).map_err(|e| *e), expected);
    }
    let longest = "a".repeat(255);
    assert_eq!(client_id(&longest).as_str(), longest);
    for bad in ["", "é", "a:b", "a\u{80}", &"a".repeat(256)] {
        assert_eq!(ClientId::new(bad), Err(ClientIdError), "{bad}");
    }
    let told = "a client id is 1 to 255 printable ASCII characters without a colon";
    assert_eq!(ClientIdError.to_string(), told);
}

/// §2.1: a client is what it was made as; only a confidential one may introspect (RFC 7662 §2.1).
#[test]
fn a_public_client_never_may_introspect() {
    assert!(public("phone").is_public());
    assert!(!public("phone").with_introspection(true).may_introspect());
    let client = confidential("backend", "x");
    assert!(!client.is_public());
    assert!(!client.may_introspect());
    assert!(client.with_introspection(true).may_introspect());
}

/// OWASP ASVS 16.2.5: no secret and no digest in a log, whatever is printed into it.
#[test]
fn debug_shows_no_client_secret_and_no_digest() {
    let secret = ClientSecret::new(BACKEND_SECRET);
    let digest = secret.digest();
    let client = confidential("backend", BACKEND_SECRET);
    let memory = MemoryClients::new(clients());
    let flow = flow_with_client(client.clone());
    let first_bytes = digest.as_bytes()[..3].to_vec();
    let hex = digest.as_bytes()[..4].iter();
    let hex: Vec<_> = hex.map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let decimal = format!("{first_bytes:?}");
    let decimal = decimal.trim_matches(['[', ']']);
    let things: [&dyn Debug; 8] = [
        &secret,
        &digest,
        &client,
        &Some(vec![client.clone()]),
        &memory,
        &flow,
        &flow.token_service(),
        &flow.introspection_service(),
    ];
    for thing in things {
        let (shown, pretty) = (format!("{thing:?}"), format!("{thing:#?}"));
        let pretty = pretty.split_whitespace().collect::<Vec<_>>().join(" ");
        for shown in [shown, pretty] {
            for hidden in [BACKEND_SECRET, decimal, &*hex] {
                assert!(!shown.contains(hidden), "{shown}");
            }
        }
    }
    assert_eq!(format!("{secret:?}"), "ClientSecret(..)");
    assert_eq!(format!("{digest:?}"), "SecretDigest(..)");
    let only = MemoryClients::new([client]);
    assert_eq!(format!("{only:?}"), r#"{ClientId("backend")}"#);
}

/// §2.2: an id names one client, so of two the later one counts.
#[tokio::test]
async fn of_two_clients_with_one_id_the_later_one_counts() {
    let (flow, _clock) = flow();
    let both: [Client; 2] = [
        confidential("backend", "old"),
        confidential("backend", "new"),
    ];
    let flow = flow.with_clients(MemoryClients::new(both));
    let answer = post_with(flow.token_service(), &[&basic("backend", "old")], LOGIN).await;
    answer.expect_challenge();
    let answer = post_with(flow.token_service(), &[&basic("backend", "new")], LOGIN).await;
    answer.expect_token(BOTH);
}

/// §5.2: an endpoint that is built without a flow says `api`, and can know clients as well.
#[tokio::test]
async fn an_endpoint_can_be_given_clients_of_its_own() {
    let (flow, _clock) = flow();
    let service = flow
        .token_service()
        .with_clients(MemoryClients::new(clients()));
    let answer = post_with(service.clone(), &[&basic("backend", "wrong")], LOGIN).await;
    answer.expect_challenge();
    let answer = post_with(service, &[&backend()], LOGIN).await;
    answer.expect_token(BOTH);
}
