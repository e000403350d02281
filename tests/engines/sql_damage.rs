//! Rows that this crate did not write: an error for whoever asks for them, and for nobody else.

use tower_oauth2_password::store::{ClientStore, TokenStore, UserStore};

use crate::support::{
    LOGIN,
    clients::{client_id, confidential, log_in_with, post_with, public},
    databases::{Database, add_user, on_sqlite_and_postgres},
    refresh::{call_api, first_pair, meera, refresh},
    send, token_request,
};

on_sqlite_and_postgres! {
    a_damaged_token_is_an_error_and_no_refusal
    a_damaged_family_is_an_error_and_can_be_revoked
    a_damaged_user_is_an_error
    a_damaged_client_is_an_error
}

/// RFC 6750 §3.1: the token was judged neither good nor bad, so the answer is 503 and not 401.
async fn a_damaged_token_is_an_error_and_no_refusal(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = database.flow().await;
    let bad = first_pair(&flow).await;
    let own = "issued_at = 43200";
    clock.advance(crate::support::refresh::seconds(1));
    let good = first_pair(&flow).await;
    for (damage, repair) in [
        ("scope = 'a \"b\"'", "scope = ''"),
        ("scope = ' '", "scope = ''"),
        ("expires_at = -1", "expires_at = 46800"),
    ] {
        let set = async |set: &str| {
            let update = format!("UPDATE oauth_tokens SET {set} WHERE {own}");
            database.raw.run(&update).await;
        };
        set(damage).await;
        let answer = call_api(&flow, &bad.access).await;
        assert_eq!(answer.status.as_u16(), 503, "{damage}: {answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("www-authenticate"), None);
        call_api(&flow, &good.access).await.expect_let_in();
        set(repair).await;
        call_api(&flow, &bad.access).await.expect_let_in();
    }
}

/// Nobody is logged out for it, and a logout still works.
async fn a_damaged_family_is_an_error_and_can_be_revoked(database: Database) {
    let database = database.migrated().await;
    add_user(&database.sql.users(), "arjun", "hunter22").await;
    let (flow, _clock) = database.flow().await;
    let tokens = database.sql.tokens();
    let form = LOGIN
        .replace("meera", "arjun")
        .replace("secret123", "hunter22");
    let answer = send(flow.token_service(), token_request(form)).await;
    let arjun = answer.pair();
    let raw = &database.raw;
    let (short, other_version) = (raw.bytes("01"), raw.bytes(&"02".repeat(49)));
    let windows = raw.bytes("0102");
    for damage in [
        format!("chain = {short}"),
        format!("chain = {other_version}"),
        format!("windows = {windows}"),
        "scope = '\\'".to_owned(),
        "created_at = -1".to_owned(),
        "ordinal = -1".to_owned(),
        "client = 'caf\u{e9}'".to_owned(),
    ] {
        let pair = first_pair(&flow).await;
        let update = format!("UPDATE oauth_families SET {damage} WHERE subject = 'meera'");
        raw.run(&update).await;
        refresh(&flow, &pair.refresh).await.expect_retry_later();
        tokens.find_families(&meera()).await.unwrap_err();
        assert_eq!(
            database.count("oauth_families", "1 = 1").await,
            2,
            "{damage}"
        );
        assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1);
        call_api(&flow, &pair.access).await.expect_invalid_token();
    }
    call_api(&flow, &arjun.access).await.expect_let_in();
    refresh(&flow, &arjun.refresh).await.pair();
}

/// The password is not even looked at.
async fn a_damaged_user_is_an_error(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let users = database.sql.users();
    add_user(&users, "arjun", "hunter22").await;
    for damage in ["scope = '\"'", "subject = ''"] {
        let update = format!("UPDATE oauth_users SET {damage} WHERE username = 'meera'");
        database.raw.run(&update).await;
        let answer = send(flow.token_service(), token_request(LOGIN)).await;
        answer.expect_retry_later();
        users.find_account("meera").await.unwrap_err();
        assert!(users.find_account("arjun").await.unwrap().is_some());
    }
    // A hash that is none is somebody else's mistake, and no password matches it.
    let update = "UPDATE oauth_users SET hash = 'x' WHERE username = 'arjun'";
    database.raw.run(update).await;
    let form = LOGIN.replace("meera", "arjun");
    let answer = send(flow.token_service(), token_request(form)).await;
    assert_ne!(answer.status.as_u16(), 200, "{answer:?}");
}

/// A short digest is no public client.
async fn a_damaged_client_is_an_error(database: Database) {
    let database = database.migrated().await;
    let store = database.sql.clients();
    store.save(&confidential("web", "s3cret")).await.unwrap();
    store.save(&public("phone")).await.unwrap();
    let (flow, _clock) = database.flow().await;
    let flow = flow.with_clients(store.clone());
    let short = database.raw.bytes("0102");
    for damage in [
        format!("secret = {short}"),
        "secret = NULL, scope = '\"'".to_owned(),
    ] {
        let update = format!("UPDATE oauth_clients SET {damage} WHERE id = 'web'");
        database.raw.run(&update).await;
        store.find_client(&client_id("web")).await.unwrap_err();
        let form = format!("{LOGIN}&client_id=web");
        let answer = post_with(flow.token_service(), &[], form).await;
        answer.expect_retry_later();
        log_in_with(&flow, &[], "&client_id=phone").await;
    }
    let update = "UPDATE oauth_clients SET grants = 'device password', introspects = 2,
        scope = NULL WHERE id = 'web'";
    database.raw.run(update).await;
    let web = store.find_client(&client_id("web")).await.unwrap().unwrap();
    assert!(web.may_use(tower_oauth2_password::store::GrantType::Password));
    assert!(!web.may_use(tower_oauth2_password::store::GrantType::RefreshToken));
    assert!(!web.may_introspect());
}
